"""Django's development server: https://docs.djangoproject.com/en/stable/ref/django-admin/#runserver"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import ncsa_sql
from logpipe.ingest.formats.traceback import EXCEPTION_COLUMNS, STACKTRACE
from logpipe.ingest.formats.web_errors import REQUEST

TIME = r"\d\d/[A-Z][a-z]{2}/\d{4} \d\d:\d\d:\d\d"
REASON = (
    r"(?:Not Found|Bad Request|Forbidden|Unauthorized|Method Not Allowed|Internal Server Error"
    r"|Service Unavailable|Gone)"
)
CHATTER = (
    r"(?:Watching for file changes|Performing system checks|System check identified|Starting development server"
    r"|Starting ASGI|Quit the server|Django version|You have \d+ unapplied|Run 'python manage"
    r"|[\w/.-]+\.py changed, reloading|- Broken pipe)"
)

DJANGO_SERVER = TextFormat(
    name="django_server",
    title="Django's development server, tracebacks joined",
    start=rf"^(?:\[{TIME}\] |{REASON}(?: \(.*\))?: /|{CHATTER}|HTTP [A-Z]+ /)",
    layouts=(
        rf'^\[(?P<time>{TIME})\] "(?P<request>{REQUEST})" (?P<status>\d{{3}}) (?P<size>\d+|-)$',
        rf"^\[(?P<time>{TIME})\] (?s:(?P<text>.*))$",
        rf"^(?P<text>{REASON}(?: \([^\n]*\))?: (?P<path>/[^\s?]*)(?s:.*))$",
        (
            r"^HTTP (?P<method>[A-Z]+) (?P<path>/[^\s?]*)(?:\?(?P<query>\S*))? (?P<status>\d{3}) "
            r"(?:\[(?P<seconds>[\d.]+), (?P<client>[^\]\n]+)\])?$"
        ),
        rf"^(?P<text>{CHATTER}(?s:.*))$",
    ),
    evidence=rf"^(?:\[{TIME}\] |HTTP [A-Z]+ /\S* \d{{3}} \[)",
    derived=STACKTRACE,
    read_time=ncsa_sql,
    columns={
        **EXCEPTION_COLUMNS,
        "stream": "CASE WHEN status IS NOT NULL THEN 'access' END",
        "message": f"coalesce(request, {EXCEPTION_COLUMNS['message']}, raw)",
        "http_method": '"method"',
        "http_path": "path",
        "http_status": "TRY_CAST(status AS USMALLINT)",
        "duration_ms": "round(TRY_CAST(seconds AS DOUBLE) * 1000, 3)",
    },
    attributes={
        "response_size": "TRY_CAST(size AS UBIGINT)",
        "query": "query",
        "protocol": "protocol",
        "client_address": "client",
    },
)

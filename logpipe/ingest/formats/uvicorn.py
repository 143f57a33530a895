"""uvicorn's console: its own messages and its access lines, neither with a time. https://www.uvicorn.org/"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.traceback import EXCEPTION_COLUMNS, STACKTRACE
from logpipe.ingest.formats.web_errors import REQUEST

LEVEL = r"(?:TRACE|DEBUG|INFO|WARNING|ERROR|CRITICAL)"

UVICORN = TextFormat(
    name="uvicorn",
    title="uvicorn's console, tracebacks joined",
    start=rf"^{LEVEL}: +\S",
    layouts=(
        rf'^(?P<level>{LEVEL}): +(?P<client>\S+) - "(?P<request>{REQUEST})" (?P<status>\d{{3}})(?: [A-Za-z \'-]*)?$',
        rf"^(?P<level>{LEVEL}): +(?s:(?P<text>.*))$",
    ),
    derived=STACKTRACE,
    columns={
        **EXCEPTION_COLUMNS,
        "message": f"coalesce(request, {EXCEPTION_COLUMNS['message']})",
        "stream": "CASE WHEN request IS NOT NULL THEN 'access' END",
        "http_method": "method",
        "http_path": "path",
        "http_status": "TRY_CAST(status AS USMALLINT)",
    },
    attributes={"client_address": "client", "query": "query", "protocol": "protocol"},
)

"""HAProxy, HTTP and TCP logs and its own messages, with or without syslog's header.

https://docs.haproxy.org/3.0/configuration.html#8.2
"""

from logpipe.ingest.formats.levels import syslog_level_sql
from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import iso_sql, one_of, strptime, yearless_sql
from logpipe.ingest.formats.web_errors import REQUEST

STAMP = r"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))"
HEADER = rf"(?:<(?P<priority>\d+)>)?{STAMP} (?:(?P<host>\S+) )?haproxy\[(?P<process>\d+)\]: "
ACCEPTED = r"\[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d\.\d{3})\]"
CLIENT = rf"^(?:{HEADER})?(?P<client>[0-9a-fA-F.:]+|unix):(?P<client_port>\d+) {ACCEPTED} "
PROXIES = r"(?P<frontend>\S+) (?P<backend>[^\s/]+)/(?P<server>\S+) "
CONNECTIONS = r"(?P<connections>[+\d]+/[+\d]+/[+\d]+/[+\d]+/[+\d]+) (?P<queues>\d+/\d+)"

HAPROXY = TextFormat(
    name="haproxy",
    title="HAProxy, HTTP and TCP",
    layouts=(
        (
            rf"{CLIENT}{PROXIES}(?P<timers>-?\d+/-?\d+/-?\d+/-?\d+/\+?)(?P<took>-?\d+) (?P<status>-?\d+) \+?"
            rf"(?P<size>\d+) (?P<cookies>\S+ \S+) "
            rf"(?P<termination>\S{{4}}) {CONNECTIONS} (?:\{{(?P<request_headers>[^}}]*)\}} "
            rf")?(?:\{{(?P<response_headers>[^}}]*)\}} )?"
            rf'"(?P<request>{REQUEST})"?(?s:(?P<rest>.*))$'
        ),
        (
            rf"{CLIENT}{PROXIES}(?P<timers>-?\d+/-?\d+/\+?)(?P<took>-?\d+) \+?(?P<size>\d+) "
            rf"(?P<termination>\S\S) {CONNECTIONS}$"
        ),
        rf"{CLIENT}(?P<frontend>[^\s/]+)/(?P<server>\S+): (?s:(?P<text>.*))$",
        rf"^{HEADER}(?s:(?P<text>.*))$".replace(STAMP, f"(?P<time>{STAMP})"),
    ),
    read_time=one_of(strptime("%d/%b/%Y:%H:%M:%S.%f"), iso_sql, yearless_sql),
    derived={"code": "TRY_CAST(priority AS INTEGER)"},
    columns={
        "level": syslog_level_sql("code % 8"),
        "stream": "CASE WHEN termination IS NOT NULL THEN 'access' END",
        "message": "coalesce(request, text, frontend || ' ' || backend || '/' || server, raw)",
        "host": "host",
        "process": 'TRY_CAST("process" AS INTEGER)',
        "http_method": '"method"',
        "http_path": "path",
        "http_status": "TRY_CAST(status AS USMALLINT)",
        "duration_ms": "CASE WHEN TRY_CAST(took AS DOUBLE) >= 0 THEN TRY_CAST(took AS DOUBLE) END",
    },
    attributes={
        "client_address": "client",
        "client_port": "TRY_CAST(client_port AS INTEGER)",
        "frontend": "frontend",
        "backend": "backend",
        "server": "server",
        "timers": "timers || took",
        "response_size": "TRY_CAST(size AS UBIGINT)",
        "cookies": "nullif(cookies, '- -')",
        "termination_state": "termination",
        "connections": "connections",
        "queues": "queues",
        "request_headers": "request_headers",
        "response_headers": "response_headers",
        "query": "query",
        "protocol": "protocol",
        "rest": "nullif(trim(rest), '')",
    },
)

"""nginx's error log: https://nginx.org/en/docs/ngx_core_module.html#error_log"""

from logpipe.ingest.formats.access_log import QUOTED, REQUEST
from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import slashed_sql

TIME = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d"

OF_REQUEST = (
    r", client: (?P<client>[^,\s]+)(?:, server: (?P<server>[^,\s]*))?"
    rf'(?:, request: "(?P<request>{REQUEST})")?(?:, subrequest: "(?P<subrequest>{QUOTED})")?'
    rf'(?:, upstream: "(?P<upstream>{QUOTED})")?(?:, host: "(?P<virtual_host>{QUOTED})")?'
    rf'(?:, referrer: "(?P<referer>{QUOTED})")?'
)
"""What nginx appends to a message about a request."""

LAYOUT = (
    rf"^(?P<time>{TIME}) \[(?P<level>\w+)\] (?P<process>\d+)#(?P<thread>\d+): (?:\*(?P<connection>\d+) )?"
    rf"(?s:(?P<text>.*?))(?:{OF_REQUEST})?$"
)

NGINX_ERROR = TextFormat(
    name="nginx_error",
    title="nginx error log",
    start=rf"^{TIME} \[\w+\] ",
    layouts=(LAYOUT,),
    read_time=slashed_sql,
    columns={
        "message": "text",
        "process": 'TRY_CAST("process" AS INTEGER)',
        "thread": '"thread"',
        "http_method": "method",
        "http_path": "path",
    },
    attributes={
        "connection": "TRY_CAST(connection AS UBIGINT)",
        "client_address": "client",
        "server": "server",
        "request": "request",
        "query": "query",
        "subrequest": "subrequest",
        "upstream": "upstream",
        "virtual_host": "virtual_host",
        "referer": "referer",
    },
)

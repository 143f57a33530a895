"""nginx's error log: https://nginx.org/en/docs/ngx_core_module.html#error_log"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import slashed_sql
from logpipe.ingest.formats.web_errors import NGINX_LAYOUT, NGINX_TIME

NGINX_ERROR = TextFormat(
    name="nginx_error",
    title="nginx error log",
    start=rf"^{NGINX_TIME} \[\w+\] ",
    layouts=(NGINX_LAYOUT,),
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
        "virtual_host": "vhost",
        "referer": "referer",
    },
)

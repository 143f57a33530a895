"""Apache CouchDB: https://docs.couchdb.org/en/stable/config/logging.html"""

from logpipe.ingest.formats.text_format import TextFormat

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
LEVEL = r"(?P<level>debug|info|notice|warning|error|critical|alert|emergency|none)"

COUCHDB = TextFormat(
    name="couchdb",
    title="Apache CouchDB",
    start=r"^\[[a-z]+\] \d{4}-\d\d-\d\dT",
    layouts=(
        (
            rf"^\[{LEVEL}\] (?P<time>{TIME}) (?P<node>\S+) (?P<instance><[\d.]+>) (?P<request_id>\w+) "
            r"(?P<host>\S+) (?P<client>\S+) (?P<request>(?P<user>\S+) (?P<method>[A-Z]+) (?P<path>[^\s?]+)"
            r"(?:\?(?P<query>\S*))? (?P<status>\d{3}) \w+ (?P<took>\d+))$"
        ),
        rf"^\[{LEVEL}\] (?P<time>{TIME}) (?P<node>\S+) (?s:(?P<text>.*))$",
    ),
    columns={
        "stream": "CASE WHEN status IS NOT NULL THEN 'access' END",
        "message": "coalesce(request, text)",
        "request_id": "request_id",
        "user_id": "nullif(nullif(\"user\", 'undefined'), '-')",
        "http_method": '"method"',
        "http_path": "path",
        "http_status": "TRY_CAST(status AS USMALLINT)",
        "duration_ms": "TRY_CAST(took AS DOUBLE)",
        "db_system": "'couchdb'",
    },
    attributes={
        "node": "node",
        "erlang_process": "instance",
        "server_address": "host",
        "client_address": "client",
        "query": "query",
    },
)

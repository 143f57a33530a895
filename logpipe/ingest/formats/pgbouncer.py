"""PgBouncer: https://www.pgbouncer.org/config.html#log-settings"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import abbreviated_zone_sql

TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (?:[A-Za-z]{1,5}|[+-]\d\d(?::?\d\d)?)"

PGBOUNCER = TextFormat(
    name="pgbouncer",
    title="PgBouncer",
    layouts=(
        (
            rf"^(?P<time>{TIME}) \[(?P<process>\d+)\] (?P<level>[A-Z]+) (?:(?P<socket>[CS]-0x[0-9a-f]+): "
            r"(?P<db_name>[^/\s]*)/(?P<db_user>[^@\s]*)@(?P<client>\S+) )?(?s:(?P<text>.*))$"
        ),
    ),
    read_time=abbreviated_zone_sql,
    columns={"message": "text", "process": 'TRY_CAST("process" AS INTEGER)'},
    attributes={"socket": "socket", "db_name": "db_name", "db_user": "db_user", "client_address": "client"},
)

"""The general query log of MySQL and MariaDB: https://dev.mysql.com/doc/refman/8.4/en/query-log.html"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import iso_sql, one_of, strptime

TIME = r"(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)|\d{6} +\d?\d:\d\d:\d\d)"
COMMAND = (
    r"(?:Connect|Query|Prepare|Execute|Quit|Init DB|Field List|Close stmt|Reset stmt|Change user|Statistics|Ping"
    r"|Binlog Dump(?: GTID)?|Register Slave|Shutdown|Refresh|Set option|Fetch|Long Data|Reset Connection|Kill|Sleep)"
)

HEADER = r"(?:\S*mysqld\S*, Version: |Tcp port: |Time +Id Command +Argument$)"

MYSQL_GENERAL = TextFormat(
    name="mysql_general",
    title="general query log of MySQL and MariaDB",
    start=rf"^(?:(?:{TIME}\t|\t\t) *\d+ [A-Z]|{HEADER})",
    layouts=(
        rf"^(?:(?P<time>{TIME})\t|\t\t) *(?P<thread>\d+) (?P<command>{COMMAND})(?:\t *(?s:(?P<text>.*)))?$",
        rf"^(?P<text>{HEADER}(?s:.*))$",
    ),
    read_time=one_of(iso_sql, strptime("%y%m%d %H:%M:%S")),
    columns={
        "message": "coalesce(text, command)",
        "thread": '"thread"',
        "db_system": "'mysql'",
        "db_statement": "CASE WHEN command IN ('Query', 'Execute', 'Prepare') THEN text END",
    },
    attributes={"command": "command"},
)

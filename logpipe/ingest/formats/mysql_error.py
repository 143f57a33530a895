"""The error log of MySQL, Percona Server and MariaDB: https://dev.mysql.com/doc/refman/8.4/en/error-log-format.html"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import iso_sql, one_of, strptime

TIME = r"(?:\d{4}-\d\d-\d\d[T ] ?\d?\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)?|\d{6} +\d?\d:\d\d:\d\d)"
KIND = r"(?:Note|NOTE|Warning|WARNING|ERROR|Error|System)"

MYSQL_ERROR = TextFormat(
    name="mysql_error",
    title="error log of MySQL and MariaDB",
    start=rf"^{TIME}\s",
    layouts=(
        (
            rf"^(?P<time>{TIME})(?: +(?P<thread>\d+|0x[0-9a-f]+))? +\[(?P<level>{KIND})\]:? ?(?:\[(?P<code>MY-\d+)\] )?"
            r"(?:\[(?P<subsystem>\w+)\] )?(?s:(?P<text>.*))$"
        ),
        rf"^(?P<time>{TIME}) (?P<text>mysqld(?:_safe)? (?s:.*))$",
    ),
    read_time=one_of(iso_sql, strptime("%y%m%d %H:%M:%S")),
    columns={"message": "text", "thread": '"thread"', "db_system": "'mysql'"},
    attributes={"error_code": "code", "subsystem": "subsystem"},
)

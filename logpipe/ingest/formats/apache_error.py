"""Apache's error log, of 2.2 and 2.4: https://httpd.apache.org/docs/current/mod/core.html#errorlogformat"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import ctime_sql

TIME = r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,6})? \d{4}"

LAYOUT = (
    rf"^\[(?P<time>{TIME})\] \[(?:(?P<module>\w+):)?(?P<level>\w+)\] "
    r"(?:\[pid (?P<process>\d+)(?::tid (?P<thread>\d+))?\] )?(?:(?P<source>\S+\.c\(\d+\)): )?"
    r"(?:\[client (?P<client>[^\]]+)\] )?(?s:(?P<text>.*))$"
)

APACHE_ERROR = TextFormat(
    name="apache_error",
    title="Apache error log",
    layouts=(LAYOUT,),
    read_time=ctime_sql,
    columns={
        "message": "text",
        "logger": '"module"',
        "process": 'TRY_CAST("process" AS INTEGER)',
        "thread": '"thread"',
    },
    attributes={"client_address": "client", "source": "source"},
)

"""MongoDB's text log, before 4.4: https://www.mongodb.com/docs/v4.2/reference/log-messages/"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import iso_sql, one_of, yearless

ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(?:Z|[+-]\d{4})"
CTIME = r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{3})?"

MONGODB_TEXT = TextFormat(
    name="mongodb_text",
    title="MongoDB's text log, before 4.4",
    start=rf"^(?:{ISO}|{CTIME}) \S",
    layouts=(
        (
            rf"^(?P<time>{ISO}) (?P<level>[FEWIDV][1-5]?) +(?P<component>[A-Z_]+|-) +\[(?P<thread>[^\]]+)\] "
            rf"(?s:(?P<text>.*))$"
        ),
        rf"^(?P<time>{ISO}|{CTIME}) \[(?P<thread>[^\]]+)\] (?:(?P<level>warning|ERROR|SEVERE): )?(?s:(?P<text>.*))$",
        (
            rf"^(?P<time>{CTIME}) (?P<text>"
            rf"(?:[Ee]rror|warning|ERROR|\*\*\*|dbexit|CTRL|connect|MongoDB|Socket|[a-z]+:)(?s:.*))$"
        ),
    ),
    evidence=rf"^{ISO} [FEWIDV][1-5]? +[A-Z_-]+ +\[|\["
    rf"(?:conn\d+|initandlisten|mongos?d?Main|LockPinger|Balancer|rs\w+|js|websvr"
    r"|journal|\w*Thread\d*|clientcursormon|TTLMonitor|Periodic\w+|FileAllocator|DataFile\w+|UserCache\w+|repl\w+)\]",
    derived={"took": r"nullif(regexp_extract(text, ' (\d+)ms$', 1), '')"},
    read_time=one_of(iso_sql, yearless("%a %b %d %H:%M:%S.%f", "%a %b %d %H:%M:%S")),
    columns={
        "message": "text",
        "thread": '"thread"',
        "logger": "nullif(component, '-')",
        "duration_ms": "TRY_CAST(took AS DOUBLE)",
        "db_system": "'mongodb'",
    },
)

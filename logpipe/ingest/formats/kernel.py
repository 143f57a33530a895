"""The kernel's ring buffer, as dmesg shows it: https://man7.org/linux/man-pages/man1/dmesg.1.html"""

from logpipe.ingest.formats.levels import syslog_level_sql
from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import ctime_sql, iso_sql, one_of

LEVEL = r"(?P<level>emerg|alert|crit|err|warn|notice|info|debug)"

KERNEL = TextFormat(
    name="kernel",
    title="the kernel's messages, as dmesg shows them",
    layouts=(
        (
            rf"^(?:<(?P<priority>\d+)>)?(?:(?P<facility>\w+) *:{LEVEL} *: )?\[ *(?P<uptime>\d+\.\d{{6}})\](?:\[ "
            rf"*(?P<thread>[TC]\d+)\])? ?"
            r"(?s:(?P<text>.*))$"
        ),
        (
            rf"^(?:(?P<facility>\w+) *:{LEVEL} *: )?\[(?P<time>[A-Z][a-z]{{2}} [A-Z][a-z]{{2}} "
            rf"[ \d]\d \d\d:\d\d:\d\d \d{{4}})\] "
            r"(?s:(?P<text>[^\[].*))$"
        ),
        r"^(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{6}[+-]\d\d:\d\d) (?s:(?P<text>.*))$",
    ),
    read_time=one_of(ctime_sql, iso_sql),
    derived={"code": "TRY_CAST(priority AS INTEGER)"},
    columns={
        "level": f"coalesce(read_level, {syslog_level_sql('code % 8')})",
        "message": "text",
        "service": "'kernel'",
        "thread": '"thread"',
    },
    attributes={
        "uptime_s": "TRY_CAST(uptime AS DOUBLE)",
        "syslog_facility": "code // 8",
        "syslog_severity": "code % 8",
        "facility": "facility",
    },
)

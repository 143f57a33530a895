"""Text logs of .NET: Serilog, NLog, the console of Microsoft.Extensions.Logging.

https://github.com/serilog/serilog-sinks-file · https://nlog-project.org/config/?tab=layouts
"""

from logpipe.ingest.formats.stack_of_calls import CALL_STACK, CALL_STACK_COLUMNS
from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import iso_sql, one_of, time_of_day

DATED = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,7})?(?:Z| ?[+-]\d\d:\d\d)?"
SHORT = r"(?:VRB|DBG|INF|WRN|ERR|FTL|Verbose|Debug|Information|Warning|Error|Fatal)"
LONG = r"(?i:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)"
CONSOLE = r"(?:trce|dbug|info|warn|fail|crit)"
MESSAGE = r"(?s:(?P<text>.*))$"

FAILURE = r'^"?([\w.]+): (.*?)"?$'

DOTNET_TEXT = TextFormat(
    name="dotnet_text",
    title="Serilog, NLog and the console of .NET, stack traces joined",
    start=rf"^(?:{DATED}(?: \[{SHORT}\] |[|,]{LONG}[|,])|\[(?:{DATED}\] \[{SHORT}\]|"
    rf"(?:{DATED}|\d\d:\d\d:\d\d) {SHORT}\])"
    rf"|(?:{DATED} )?{CONSOLE}: [\w.]+\[)",
    layouts=(
        # Serilog: 2026-03-14 10:00:00.123 +01:00 [INF] text, [2026-03-14 10:00:00.123] [INF] [7] Shop.Cart: text
        rf"^(?P<time>{DATED}) \[(?P<level>{SHORT})\] {MESSAGE}",
        (
            rf"^\[(?P<time>{DATED})\] \[(?P<level>{SHORT})\] (?:\[(?P<thread>\d+)\] )?"
            rf"(?:(?P<logger>[A-Z]\w*(?:\.\w+)+): )?{MESSAGE}"
        ),
        rf"^\[(?P<time>{DATED}|\d\d:\d\d:\d\d) (?P<level>{SHORT})\] {MESSAGE}",
        # NLog: 2026-03-14 10:00:00.1234|INFO|Shop.Cart|text, and its CSV
        rf"^(?P<time>{DATED})\|(?:\d+\|)?(?P<level>{LONG})\|(?P<logger>[^|\n]*)\|{MESSAGE}",
        (
            rf'^(?P<time>{DATED}),(?P<level>{LONG}),(?P<logger>[\w.]+),(?P<quote>")(?P<text>(?:[^"]|"")*)"(?:,(?s:'
            rf"(?P<failure>.*)))?$"
        ),
        rf'^(?P<time>{DATED}),(?P<level>{LONG}),(?P<logger>[\w.]+),(?P<text>[^,"\n]*)(?:,(?s:(?P<failure>.*)))?$',
        # console: info: Shop.Cart[0], then the text on the next line
        rf"^(?:(?P<time>{DATED}) )?(?P<level>{CONSOLE}): (?P<logger>[\w.`+]+)\[(?P<event_id>-?\d+)\]\s*{MESSAGE}",
    ),
    derived={
        **CALL_STACK,
        "told": f"CASE WHEN failure IS NOT NULL THEN regexp_extract(failure, '{FAILURE}', ['type', 'message']) END",
    },
    read_time=one_of(iso_sql, time_of_day("%H:%M:%S")),
    columns={
        **CALL_STACK_COLUMNS,
        "message": f"CASE WHEN quote IS NULL THEN {CALL_STACK_COLUMNS['message']} ELSE replace(text, '\"\"', '\"') END",
        "exception_type": f"coalesce({CALL_STACK_COLUMNS['exception_type']}, nullif(told['type'], ''))",
        "exception_message": f"coalesce({CALL_STACK_COLUMNS['exception_message']}, nullif(told['message'], ''), "
        f"failure)",
        "logger": '"logger"',
        "thread": '"thread"',
    },
    attributes={"event_id": "TRY_CAST(event_id AS INTEGER)"},
)

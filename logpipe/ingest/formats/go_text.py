"""Text logs of Go programs: the standard `log`, and the consoles of zap, zerolog and logrus.

https://pkg.go.dev/log#pkg-constants · https://pkg.go.dev/go.uber.org/zap · https://github.com/rs/zerolog
"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import iso_sql, one_of, strptime, time_of_day

SLASHED = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?"
ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)"
CLOCK = r"\d{1,2}:\d\d(?::\d\d)?[AP]M"
FILE = r"(?P<file>[\w./@-]+\.go):(?P<line>\d+)"
WORD = r"(?:TRC|DBG|INF|WRN|ERR|FTL|PNC|TRACE|DEBUG|INFO|WARN|ERROR|FATAL|PANIC|DPANIC)"
SHORT = r"(?:TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)"
TAB = r"(?:\t| {2,})"
MESSAGE = r"(?s:(?P<text>.*))$"

GO_TEXT = TextFormat(
    name="go_text",
    title="Go's log, and the consoles of zap, zerolog and logrus",
    start=rf"^(?:{SLASHED} |{ISO}(?:\t| {{4}})|{ISO} {WORD} |{CLOCK} [A-Z]|(?:{SHORT})\[|[\w-]+: {SLASHED})",
    layouts=(
        # zap: 2026-03-14T10:00:00.123Z\tinfo\tshop\tcart.go:12\ttext\t{"id": 1}
        (
            rf"^(?P<time>{ISO})(?:\t| {{4}})(?P<level>[A-Za-z]+){TAB}(?:(?P<logger>[\w.-]+){TAB})??(?:{FILE}{TAB})?"
            rf"(?P<text>[^\t\n]*?)(?:{TAB}(?P<fields>\{{[^\n]*\}}))?(?P<more>\n(?s:.*))?$"
        ),
        # zerolog: 10:00AM INF cart.go:12 > text id=1
        rf"^(?P<time>{CLOCK}|{ISO}) (?P<level>{WORD}) (?:{FILE} > )?{MESSAGE}",
        # log: 2026/03/14 10:00:00.123456 shop: cart.go:12: [INFO] text
        (
            rf"^(?:(?P<logger>[\w-]+): )?(?P<time>{SLASHED}) (?:{FILE}:(?P<function>[\w.()*]+)?:? )?"
            rf"(?:\[?(?P<level>{WORD}|trace|debug|info|warn|warning|error|fatal|[TDIWEFC]\])\]?:? "
            rf"+)?(?P<text>(?s:[^+\n-].*)?)$"
        ),
        # logrus: INFO[0042] text  id=1
        rf"^(?P<level>{SHORT})\[(?P<time>{ISO}|\d{{4,}})\] ?{MESSAGE}",
    ),
    read_time=one_of(
        iso_sql, strptime("%Y/%m/%d %H:%M:%S.%f", "%Y/%m/%d %H:%M:%S"), time_of_day("%I:%M%p", "%I:%M:%S%p")
    ),
    columns={
        "message": "nullif(ltrim(concat(text, more), chr(10)), '')",
        "logger": '"logger"',
        "function": "nullif(\"function\", '')",
        "line": 'TRY_CAST("line" AS INTEGER)',
    },
    attributes={
        "file": "file",
        "fields": "CASE WHEN json_valid(fields) THEN fields::JSON ELSE to_json(fields) END",
    },
)

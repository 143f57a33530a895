"""Text lines that begin with a time, perhaps with a level near it: the last resort before plain text."""

from typing import Final

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import (
    abbreviated_zone_sql,
    ctime_sql,
    epoch_time_sql,
    ncsa_sql,
    one_of,
    strptime,
    tai64n_sql,
    time_of_day,
    yearless,
    yearless_sql,
)

ISO: Final = (
    r"\d{4}[-/.]\d\d[-/.]\d\d[T ,_]{1,2}\d?\d[:.]\d\d[:.]\d\d(?:[.,:]\d{1,9})?"
    r"(?: ?(?:Z|UTC|GMT|[A-Z]{3,4}|[+-]\d\d:?\d\d)\b)?"
)
CTIME: Final = r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]?\d \d\d:\d\d:\d\d(?:[.:]\d{1,6})?(?: \d{4})?"
SPOKEN: Final = r"\d\d?[-/ ][A-Z][a-z]{2}[-/ ]\d{4}[: ]\d\d:\d\d:\d\d(?:[.,]\d{1,6})?(?: [+-]\d{4})?"
MONTH: Final = r"[A-Z][a-z]{2} [ \d]?\d(?: \d{4})? \d\d:\d\d:\d\d(?:\.\d{1,6})?"
NUMBERS: Final = (
    r"\d\d?/\d\d?/\d{4},? \d\d?:\d\d:\d\d(?:\.\d{3})?(?: [AP]M)?|\d\d/\d\d/\d\d \d\d:\d\d:\d\d"
    r"|\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}"
)
COMPACT: Final = r"\d{8}[T -]\d{6}(?:\.\d{1,6})?Z?|\d{6} \d\d:\d\d:\d\d"
EPOCH: Final = r"1\d{9}(?:\.\d{1,9})?|1\d{12}|@4[0-9a-f]{23}"
CLOCK: Final = r"\d\d:\d\d:\d\d(?:[.,]\d{1,6})?"
TIME: Final = rf"(?:{ISO}|{CTIME}|{SPOKEN}|{MONTH}|{NUMBERS}|{COMPACT}|{EPOCH}|{CLOCK})"

LEVEL: Final = (
    r"(?P<level>(?i:TRACE|VERBOSE|DEBUG|INFO|INFORMATION|NOTICE|WARN|WARNING|ERR|ERROR|CRIT|CRITICAL|FATAL|SEVERE"
    r"|ALERT|EMERG|PANIC)|TRC|DBG|INF|WRN|FTL)"
)
WORD: Final = (
    r"(?:\[[^\]\n]{0,200}\]|\([^)\n]{0,200}\)|<[^>\n]{0,200}>|[\w.$/@#~][\w.$/@#~-]{0,99})"
    r":?(?:[ \t]{1,40}[-|:])?[ \t|]{1,40}"
)
"""What may stand between the time and the level; bounded, so that no line takes long to look at."""
BRACKETS: Final = r"(?:\[[^\]\n]{0,200}\]{1,2}|\([^)\n]{0,200}\))"
MESSAGE: Final = r"(?s:(?P<text>.*))$"

FORMATS: Final = (
    "%a %b %d %H:%M:%S:%f %Y",
    "%d-%b-%Y %H:%M:%S.%f",
    "%d-%b-%Y %H:%M:%S",
    "%d %b %Y %H:%M:%S",
    "%d %b %Y %H:%M:%S,%f",
    "%d %b %Y %H:%M:%S.%f",
    "%b %d %Y %H:%M:%S",
    "%y/%m/%d %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y, %I:%M:%S %p",
    "%m/%d/%Y, %H:%M:%S",
    "%Y%m%d %H%M%S",
    "%Y%m%dT%H%M%S",
    "%Y%m%d-%H%M%S",
    "%y%m%d %H:%M:%S",
)

TIMED_TEXT = TextFormat(
    name="timed_text",
    title="any other text whose lines begin with a time",
    start=rf"^(?:[A-Z] |\d+ )?[\[(<]?(?:{TIME})",
    layouts=(
        # a level before the time
        rf"^\[{LEVEL}\]:? [\[(]?(?P<time>{TIME})[\])]?[:,]? ?{MESSAGE}",
        rf"^(?P<level>[TDIWNECF]) [\[(]?(?P<time>{TIME})[\])]?[:,]? ?{MESSAGE}",
        rf"^{LEVEL}:? +[\[(]?(?P<time>{TIME})[\])]?[:,]? ?{MESSAGE}",
        # a level behind it, in brackets or not, with a few words between at most
        (
            rf"^[\[(]?(?P<time>{TIME})[\])]?[:,]? *(?P<context>(?:{WORD}){{0,3}}?)[\[(<]+{LEVEL} *[\])>]+"
            rf":? *[-|:]? ?{MESSAGE}"
        ),
        (
            rf"^[\[(]?(?P<time>{TIME})[\])]?[:,]?[ \t|-]*(?P<context>(?:{WORD}){{0,2}}?){LEVEL}"
            rf"(?: *[-|:,]| |\t|$) *{MESSAGE}"
        ),
        # a few words in brackets and a colon
        rf"^[\[(]?(?P<time>{TIME})[\])]?[:,]?(?P<context>(?: {BRACKETS}){{2,4}}): {MESSAGE}",
        rf"^(?:(?P<context>\d+) )?[\[(]?(?P<time>{TIME})[\])]?[:,]?(?:[ \t|-]+|$){MESSAGE}",
    ),
    read_time=one_of(
        epoch_time_sql,
        tai64n_sql,
        abbreviated_zone_sql,
        ctime_sql,
        ncsa_sql,
        strptime(*FORMATS),
        yearless_sql,
        yearless("%a %b %d %H:%M:%S.%f", "%a %b %d %H:%M:%S", "%m-%d %H:%M:%S.%f"),
        time_of_day("%H:%M:%S", "%H:%M:%S.%f", "%H:%M:%S,%f"),
    ),
    columns={"message": "text"},
    attributes={"context": "nullif(trim(context, ' :|-'), '')"},
)

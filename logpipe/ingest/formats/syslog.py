"""Syslog: RFC 5424, RFC 3164 with or without its priority, and rsyslog's files with ISO times.

https://www.rfc-editor.org/rfc/rfc5424 · https://www.rfc-editor.org/rfc/rfc3164
"""

from logpipe.ingest.formats.base import Context
from logpipe.ingest.formats.levels import syslog_level_sql
from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import ISO, iso_sql, yearless_sql

PRIORITY = r"<(?P<priority>\d{1,3})>"
YEARLESS = r"[A-Z][a-z]{2} [ \d]?\d \d\d:\d\d:\d\d(?:\.\d{1,6})?"
TAG = r"(?P<app>[^\s:\[\]]+)(?:\[(?P<procid>[^\]\s]*)\])?"
HEADER = r"(?P<host>\S+) (?P<app>\S+) (?P<procid>\S+) (?P<msgid>\S+)"
STRUCTURED_DATA = r'(?:\[(?:[^\]\\"]|"(?:[^"\\]|\\.)*")*\])+'
MESSAGE = r"(?s:(?P<text>.*))$"


def _time_sql(text: str, context: Context) -> str:
    iso, yearless = iso_sql(text, context), yearless_sql(text, context)
    return f"CASE WHEN regexp_matches({text}, '^\\d') THEN {iso} ELSE {yearless} END"


SYSLOG = TextFormat(
    name="syslog",
    title="syslog, RFC 3164 and RFC 5424",
    layouts=(
        rf"^(?:{PRIORITY})?(?P<time>{YEARLESS}|{ISO}) (?P<host>[^\s:\[\]]+) {TAG}:(?: {MESSAGE}|$)",
        rf"^{PRIORITY}1 (?:(?P<time>{ISO})|-) {HEADER} (?:(?P<structured_data>{STRUCTURED_DATA})|-)(?: {MESSAGE}|$)",
        rf"^{PRIORITY}(?P<time>{YEARLESS}|{ISO}) {TAG}:(?: {MESSAGE}|$)",
        rf"^(?:{PRIORITY})?(?P<time>{YEARLESS}) (?P<host>[^\s:\[\]]+) {MESSAGE}",
    ),
    read_time=_time_sql,
    derived={"code": "TRY_CAST(priority AS INTEGER)"},
    columns={
        "level": syslog_level_sql("code % 8"),
        "message": "ltrim(text, chr(65279))",  # RFC 5424 lets a message begin with a byte-order mark
        "host": "nullif(host, '-')",
        "service": "nullif(app, '-')",
        "process": "TRY_CAST(procid AS INTEGER)",
    },
    attributes={
        "syslog_facility": "code // 8",
        "syslog_severity": "code % 8",
        "process_id": "CASE WHEN TRY_CAST(procid AS INTEGER) IS NULL THEN nullif(procid, '-') END",
        "message_id": "nullif(msgid, '-')",
        "structured_data": "structured_data",
    },
)

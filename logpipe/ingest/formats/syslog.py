"""Syslog: RFC 5424, RFC 3164 with or without its priority, and rsyslog's files with ISO times.

https://www.rfc-editor.org/rfc/rfc5424 · https://www.rfc-editor.org/rfc/rfc3164
"""

import re
from collections.abc import Callable

from logpipe.ingest.formats.base import Context, text_literal
from logpipe.ingest.formats.levels import syslog_level_sql
from logpipe.ingest.formats.text_format import TextFormat, uncoloured_sql
from logpipe.ingest.formats.times import ISO, iso_sql, yearless_sql
from logpipe.ingest.formats.wrapped import Wrapped

PRIORITY = r"<(?P<priority>\d{1,3})>"
YEARLESS = r"[A-Z][a-z]{2} [ \d]?\d \d\d:\d\d:\d\d(?:\.\d{1,6})?"
FACILITY = (
    r"(?:(?P<facility>kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|ftp|local\d)\.(?P<level>[a-z]+) )?"
)
TAG = (
    rf"{FACILITY}(?:(?P<app>[^\s:\[\]]+)(?: \d[\d.]*)?(?:\[(?P<procid>[^\]\s]*)\])?(?: \((?P<subject>[^)\n]*)\))?"
    r"|(?P<app_with_blank>[^:\[\]\n]+)\[(?P<pid>\d+)\])"
)
HEADER = r"(?P<host>\S+) (?P<app>\S+) (?P<procid>\S+) (?P<msgid>\S+)"
STRUCTURED_DATA = r'(?:\[(?:[^\]\\"]|"(?:[^"\\]|\\.)*")*\])+'
MESSAGE = r"(?s:(?P<text>.*))$"


def _time_sql(text: str, context: Context) -> str:
    iso, yearless = iso_sql(text, context), yearless_sql(text, context)
    return f"CASE WHEN regexp_matches({text}, '^\\d') THEN {iso} ELSE {yearless} END"


class Syslog(TextFormat):
    """The wrapper of what programs write to it, which may be a format of its own."""

    def carried(self, line: str, /) -> str:
        """See `Wrapper`."""
        return f"{self._of_its_layout(line, lambda found, _: f'{found}.text')} || chr(10)"

    def around(self, line: str, /) -> str:
        """See `Wrapper`: all but the time."""
        return self._of_its_layout(
            line, lambda found, groups: f"concat_ws(chr(10), {', '.join(f'{found}.{group}' for group in groups)})"
        )

    def _of_its_layout(self, line: str, say: Callable[[str, list[str]], str]) -> str:
        """SQL of what `say` makes of the layout's match, and of its groups but for time and text; NULL without one."""
        text = uncoloured_sql(line)
        ways = []
        for layout in self.layouts:
            groups = list(re.compile(layout).groupindex)
            found = f"regexp_extract({text}, {text_literal(layout)}, [{', '.join(map(text_literal, groups))}])"
            others = [group for group in groups if group not in ("time", "text")]
            ways.append(f"WHEN regexp_matches({text}, {text_literal(layout)}) THEN {say(found, others)}")
        return f"CASE {' '.join(ways)} END"


_SYSLOG = Syslog(
    name="syslog",
    title="syslog, RFC 3164 and RFC 5424",
    start=rf"^(?:<\d|{YEARLESS} |\d{{4}}-\d\d-\d\dT)",
    layouts=(
        rf"^(?:{PRIORITY})?(?P<time>{YEARLESS}|{ISO}) (?P<host>[^\s:\[\]]+) {TAG}:(?: {MESSAGE}|$)",
        rf"^{PRIORITY}1 (?:(?P<time>{ISO})|-) {HEADER} (?:(?P<structured_data>{STRUCTURED_DATA})|-)(?: {MESSAGE}|$)",
        rf"^{PRIORITY}(?P<time>{YEARLESS}|{ISO}) {TAG}:(?: {MESSAGE}|$)",
        # RFC 5424 as rsyslog's RSYSLOG_SyslogProtocol23Format leaves it without the priority
        (
            rf"^(?P<time>\d{{4}}-\d\d-\d\dT\S+) (?P<host>[\w.:-]*\w) (?P<app>[\w./-]*\w) (?P<procid>\d+|-) "
            rf"(?P<msgid>\S+) (?:(?P<structured_data>{STRUCTURED_DATA})|-)(?: {MESSAGE}|$)"
        ),
        # Heroku: 2026-03-14T10:00:00+00:00 app[web.1]: text
        rf"^(?P<time>{ISO}) (?P<app>\w+)\[(?P<procid>[\w.-]+)\]:(?: {MESSAGE}|$)",
        rf"^(?:{PRIORITY})?(?P<time>{YEARLESS}) (?P<host>[^\s:\[\]]+) {MESSAGE}",
    ),
    read_time=_time_sql,
    derived={"code": "TRY_CAST(priority AS INTEGER)"},
    columns={
        "level": f"coalesce({syslog_level_sql('code % 8')}, read_level)",
        "message": "ltrim(text, chr(65279))",  # RFC 5424 lets a message begin with a byte-order mark
        "host": "nullif(host, '-')",
        "service": "coalesce(nullif(app, '-'), app_with_blank)",
        "process": "TRY_CAST(coalesce(procid, pid) AS INTEGER)",
    },
    attributes={
        "syslog_facility": "code // 8",
        "facility": "facility",
        "subject": "subject",
        "syslog_severity": "code % 8",
        "message_id": "nullif(msgid, '-')",
        "structured_data": "structured_data",
    },
)

SYSLOG = Wrapped(_SYSLOG, stands_alone=True)

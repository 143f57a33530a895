"""The W3C's extended log format, where a line in front names the columns: IIS, CloudFront; and Zeek's, which is alike.

https://www.w3.org/TR/WD-logfile · https://docs.zeek.org/en/master/log-formats.html
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

import duckdb

from logpipe.ingest.formats.base import Context, text_literal
from logpipe.ingest.formats.generic_json import spelled
from logpipe.ingest.formats.json_format import candidates
from logpipe.ingest.formats.json_select import Candidate, select_sql

_IIS: Final = (
    "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer)"
    " sc-status sc-substatus sc-win32-status time-taken"
)
_CLOUDFRONT: Final = (
    "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent)"
    " cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken"
    " x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status"
    " fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len"
    " sc-range-start sc-range-end"
)
"""The columns of IIS and of CloudFront where no line names them: a file that was cut or rotated without its head."""

_HEADER: Final = re.compile(r"#[Ff]ields:?\s")
_LINE: Final = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+ [A-Z]+ \S+ \S+ \d+ |\d{4}-\d\d-\d\d\t\d\d:\d\d:\d\d\t(?:[^\t]*\t){17,}"
)

_COLUMNS: Final = spelled(
    ts=candidates("ts"),
    stream=(Candidate("cs-method", "CASE WHEN {} IS NOT NULL THEN 'access' END"),),
    http_method=candidates("cs-method"),
    http_path=(*candidates("cs-uri-stem"), Candidate("cs-uri", "nullif(regexp_extract({}, '^([^?#]*)', 1), '')")),
    http_status=candidates("sc-status"),
    user_id=candidates("cs-username", "cs-user-name"),
    host=candidates("s-computername"),
    # A decimal is in seconds, as the standard has it; IIS writes whole milliseconds.
    duration_ms=(
        Candidate(
            "time-taken", "CASE WHEN contains({}, '.') THEN (TRY_CAST({} AS DOUBLE) * 1000)::VARCHAR ELSE {} END"
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class W3cFormat:
    """Lines of columns; those that begin with `#` are events of their own, so that none is lost."""

    name: str = "w3c"
    title: str = "W3C extended: IIS, CloudFront; Zeek"
    scan: None = None
    header: str = r"^#[Ff]ields:?\s"
    """See `Headed`."""

    def claims(self, lines: Sequence[str]) -> float:
        """See `Format`: all of it where a line names the columns, else the lines in the usual order of columns."""
        if lines and lines[0].startswith("#") and any(map(_HEADER.match, lines)):
            return 1.0
        return sum(bool(_LINE.match(line)) for line in lines) / len(lines) if lines else 0.0

    def continues(self, _line: str, _before: str, /) -> str | None:
        """See `Format`."""
        return None

    def select(self, connection: duckdb.DuckDBPyConnection, context: Context) -> str:
        """See `Format`."""
        known = {"header": context.header, "iis": _IIS, "cloudfront": _CLOUDFRONT}
        literals = {name: "NULL::VARCHAR" if text is None else text_literal(text) for name, text in known.items()}
        objects = _PLACE.sub(lambda place: literals[place[1]], _OBJECTS)  # at once: what a log says may look like one
        return select_sql(connection, context, _COLUMNS, {}, objects)


_PLACE: Final = re.compile(r"\$(header|iis|cloudfront)\b")
_OBJECTS: Final = (resources.files("logpipe.ingest.formats") / "w3c.sql").read_text()

W3C = W3cFormat()

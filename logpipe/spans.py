"""Lengths of time as people type them: `90s`, `2h`, `1d12h`."""

import re
from datetime import timedelta
from typing import Final

from logpipe.errors import QueryError

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
SPAN: Final = re.compile(r"(?:\d{1,9}[smhdw])+", re.ASCII)
_PART = re.compile(r"(\d+)([smhdw])", re.ASCII)


def parse_span(text: str) -> timedelta:
    """The length of time that `text` names: whole numbers of s, m, h, d and w, as in `90s` or `1d12h`.

    Raises:
        QueryError: it is none, or not above zero.
    """
    wanted = text.strip().lower()
    try:
        parts = _PART.findall(wanted) if SPAN.fullmatch(wanted) else ()
        span = sum((timedelta(**{_UNITS[unit]: int(count)}) for count, unit in parts), timedelta())
    except OverflowError:
        span = timedelta()
    if not span:
        raise QueryError(f"{text!r} is not a length of time", remedy="give one as 10s, 1m, 2h or 1d", reason="bad_span")
    return span

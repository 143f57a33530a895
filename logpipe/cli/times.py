"""Times and lengths of time as people type them: `2026-01-31`, `2026-01-31T12:00:00Z`, `2h`, `1d12h`, `now`."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from logpipe.errors import QueryError

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(r"(?:\d{1,9}[smhdw])+", re.ASCII)
_PART = re.compile(r"(\d+)([smhdw])", re.ASCII)


def parse_time(text: str, now: datetime) -> datetime:
    """The time that `text` names, in UTC; a span such as `90s`, `15m`, `2h`, `1d12h` or `1w` counts back from `now`.

    A time without a zone is UTC, a date is its midnight.

    Raises:
        QueryError: `text` is neither a time, a date nor a span, or lies outside the years 1 to 9999.
    """
    wanted = text.strip()
    try:
        if wanted.lower() == "now":
            return now.astimezone(UTC)
        if _SPAN.fullmatch(wanted.lower()):
            return now.astimezone(UTC) - parse_span(wanted)
        time = datetime.fromisoformat(wanted)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, QueryError):
        raise QueryError(
            f"{text!r} is not a time",
            remedy="give a date (2026-01-31), a time (2026-01-31T12:00:00Z) or a span back (2h, 1d)",
            reason="bad_time",
        ) from None


def parse_span(text: str) -> timedelta:
    """The length of time that `text` names: whole numbers of s, m, h, d and w, as in `90s` or `1d12h`.

    Raises:
        QueryError: it is none, or not above zero.
    """
    wanted = text.strip().lower()
    try:
        parts = _PART.findall(wanted) if _SPAN.fullmatch(wanted) else ()
        span = sum((timedelta(**{_UNITS[unit]: int(count)}) for count, unit in parts), timedelta())
    except OverflowError:
        span = timedelta()
    if not span:
        raise QueryError(f"{text!r} is not a length of time", remedy="give one as 10s, 1m, 2h or 1d", reason="bad_span")
    return span


_BETWEEN = re.compile(r"\s*(?:/|\.\.)\s*")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?", re.ASCII)


def parse_range(text: str, now: datetime) -> tuple[datetime, datetime]:
    """Both ends of a stretch, in UTC: `2026-01-31T10:00/11:00`, `10:00..11:00`, `2026-01-31/2d`, or `1h`, the last one.

    A clock alone is of the day of the time before it, or, first, of the day that ends with `now` or holds it; a span
    after `/` is a length.

    Raises:
        QueryError: it is no stretch, or ends before it begins.
    """
    parts = _BETWEEN.split(text.strip())
    if len(parts) == 1:
        return now.astimezone(UTC) - parse_span(parts[0]), now.astimezone(UTC)
    if len(parts) == 2:
        since = _on_day(parts[0], now - timedelta(microseconds=1), now)
        until = since + parse_span(parts[1]) if _SPAN.fullmatch(parts[1].lower()) else _on_day(parts[1], since, now)
        if since < until:
            return since, until
    raise QueryError(
        f"{text!r} is not a stretch of time",
        remedy="give one as 2026-01-31T10:00/11:00, 2026-01-31/2026-02-01, 10:00/30m or 1h",
        reason="bad_range",
    )


def _on_day(text: str, day: datetime, now: datetime) -> datetime:
    return parse_time(f"{day:%Y-%m-%d}T{text:0>5}" if _CLOCK.fullmatch(text) else text, now)

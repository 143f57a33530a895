"""Figures as a person reads them at three in the morning."""

from datetime import datetime, timedelta
from typing import Final

_LONGEST_MS: Final = timedelta.max / timedelta(milliseconds=2)
"""Logs may say that something took longer; more than a million years is as good."""


def number(value: float) -> str:
    """Three figures at most, thousands with commas: 0.04, 3.2, 36, 1,240."""
    if value and abs(value) < 0.995:
        return f"{value:.2g}"
    if abs(value) < 9.95:
        return f"{value:.1f}".removesuffix(".0")
    return f"{value:,.0f}"


def times(observed: float, expected: float) -> str:
    """How many times more: ×36; from nothing there is no factor."""
    return f"×{number(observed / expected)}" if expected > 0 else "from none"


def milliseconds(value: float) -> str:
    """Time that work took: 0.4 ms, 85 ms, 2.3 s, 17 min."""
    if value >= 120_000:
        return duration(timedelta(milliseconds=min(value, _LONGEST_MS)))
    return f"{number(value / 1000)} s" if value >= 1000 else f"{number(value)} ms"


def duration(length: timedelta) -> str:
    """A stretch of time: 40 s, 12 min, 3 h 20 min, 2 d 4 h."""
    seconds = round(length.total_seconds())
    if seconds < 120:
        return f"{seconds} s" if seconds % 60 else f"{seconds // 60} min"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def clock(moment: datetime, bucket: timedelta) -> str:
    """The time of day in UTC, with seconds where buckets are shorter than a minute."""
    return moment.strftime("%H:%M:%S" if bucket < timedelta(minutes=1) else "%H:%M")


def span(start: datetime, end: datetime | None, bucket: timedelta) -> str:
    """From and to: 09:14–09:26, or since 2026-01-31 09:14 while it lasts: who reads of it may do so days later."""
    if end is None:
        return f"since {start:%Y-%m-%d} {clock(start, bucket)}"
    far = f"{end:%Y-%m-%d} " if end.date() != start.date() else ""
    return f"{clock(start, bucket)}–{far}{clock(end, bucket)}"


def shortened(text: str, limit: int = 80) -> str:
    """One line of at most `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def percent(share: float) -> str:
    """A share with two figures: 0.9 %, 12 %, 0.0057 %; 100 % only where it is all."""
    if 0.99 < share < 1:
        return "over 99 %"
    return f"{number(share * 100)} %"

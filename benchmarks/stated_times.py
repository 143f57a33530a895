"""Times as logs and other people's parsers write them, with what they leave unsaid: year, date, zone.

A reader of its own, by python-dateutil and a few patterns, so that logpipe's times are judged by another's eyes.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from dateutil import parser

OFFSETS = {"UTC": 0, "GMT": 0, "Z": 0, "CET": 1, "CEST": 2, "EST": -5, "EDT": -4, "PST": -8, "PDT": -7}
_NAMED = "|".join(OFFSETS)
SAYS_ZONE = re.compile(rf"\d\d:\d\d(?::\d\d(?:[.,]\d+)?)? ?(?:(?:{_NAMED})\b|[+-]\d\d:?(?:\d\d)?)")
"""A zone or an offset behind a time of day."""
_CLOCK = re.compile(r"\d\d:\d\d:\d\d")
_EPOCH = re.compile(r"(\d{9,10})(?:\.(\d+))?|(\d{13})|(\d{16})|(\d{19})")
_REWRITTEN = (
    (re.compile(r"^<current-year>-"), "--"),
    (re.compile(r"(\d\d/[A-Z][a-z]{2}/\d{4}):"), r"\1 "),  # 10/Oct/2000:13:55:36
    (re.compile(r"(\d\d:\d\d:\d\d):(\d{3})\b"), r"\1.\2"),
    (re.compile(r"^(\d\d)(\d\d)(\d\d) (\d\d)(\d\d)(\d\d)$"), r"20\1-\2-\3 \4:\5:\6"),  # 081109 203615
    (re.compile(r"^(\d\d)(\d\d)(\d\d)  ?(\d\d?:\d\d:\d\d)"), r"20\1-\2-\3 \4"),  # 081109 20:36:15
    (re.compile(r"^(\d\d)/(\d\d)/(\d\d) "), r"20\1-\2-\3 "),  # 17/06/09 20:10:40
    (re.compile(r"^(\d\d)(\d\d) (\d\d:\d\d:\d\d)"), r"--\1-\2 \3"),  # 0517 15:04:22
    (re.compile(r" - "), " "),
    (re.compile(r"[,](\d{3,})"), r".\1"),
)
_UNLIKE = (datetime(2004, 1, 1), datetime(2008, 2, 2))  # noqa: DTZ001 - two dates that share no part but leap years


@dataclass(frozen=True, slots=True)
class StatedTime:
    """A time and how much of it was said."""

    at: datetime
    """In UTC; as if in UTC where no zone was said."""
    has_year: bool
    has_date: bool
    has_zone: bool
    digits: int
    """Of the fraction of the second."""

    def agrees(self, moment: datetime, raw: str) -> bool:
        """Whether `moment` is this time, as far as the raw record itself says it.

        A year that does not stand in the record is not compared. Where the record has a time of day and no zone with
        it, a difference of whole quarter-hours up to fourteen hours is that of the zone that the other side assumed.
        """
        difference = (moment - self.at).total_seconds()
        if not self.has_date:
            difference = (difference + 43_200) % 86_400 - 43_200
        elif not self.has_year or not _says_year(raw, self.at, moment):
            difference = min((_in_leap_year(moment) - _in_leap_year(self.at) + shift for shift in _YEARS), key=abs) / _S
        if not SAYS_ZONE.search(raw) and _CLOCK.search(raw) and abs(difference) <= 14 * 3600 + 1:
            difference = (difference + 450) % 900 - 450
        return abs(difference) < 10.0 ** -min(self.digits, 6) + 1e-7


_S = timedelta(seconds=1)
_YEARS = (timedelta(0), timedelta(days=366), timedelta(days=-366))


def stated_time(text: str) -> StatedTime | None:
    """What the text says; None where it is no time."""
    text = text.strip().strip("[]")
    if text.startswith("@40000000") and len(text) >= 25:  # TAI64N, ten seconds ahead of what multilog means
        at = datetime.fromtimestamp(int(text[1:17], 16) - 2**62 - 10, UTC)
        return StatedTime(at + timedelta(microseconds=int(text[17:25], 16) // 1000), True, True, True, 6)
    if epoch := _EPOCH.fullmatch(text):
        seconds, fraction, *larger = epoch.groups()
        if seconds:
            at = datetime.fromtimestamp(int(seconds), UTC) + timedelta(seconds=float(f"0.{fraction or 0}"))
            return StatedTime(at, True, True, True, min(len(fraction or ""), 6))
        digits = {13: 3, 16: 6, 19: 9}[len(text)]
        microseconds = int(next(filter(None, larger))) * 10**6 // 10**digits
        return StatedTime(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds), *[True] * 3, digits)
    return _read(text)


def _read(text: str) -> StatedTime | None:
    for pattern, replacement in _REWRITTEN:
        text = pattern.sub(replacement, text)
    no_year = text.startswith("--")
    if no_year:
        text = "2004-" + text[2:]
    try:
        one, two = (parser.parse(text, default=default, tzinfos=_zone) for default in _UNLIKE)
    except (ValueError, OverflowError):
        return None
    fraction = re.search(r":\d\d\.(\d+)", text)
    at = one.replace(tzinfo=UTC) if one.tzinfo is None else one.astimezone(UTC)
    has_date = one.day == two.day
    return StatedTime(
        at, one.year == two.year and not no_year, has_date, one.tzinfo is not None, len(fraction[1]) if fraction else 0
    )


def _zone(name: str | None, offset: int | None) -> timezone | None:
    if offset is not None:
        return timezone(timedelta(seconds=offset))
    return timezone(timedelta(hours=OFFSETS[name])) if name in OFFSETS else None


def _in_leap_year(moment: datetime) -> datetime:
    return moment.replace(year=2004)


def _says_year(raw: str, *moments: datetime) -> bool:
    return any(str(moment.year) in raw for moment in moments) or not _CLOCK.search(raw)

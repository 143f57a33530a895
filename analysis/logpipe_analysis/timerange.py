"""The stretch of time that is analysed, and its division into buckets."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from logpipe.errors import QueryError

_RELATIVE = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From `since` up to, not including, `until`, in buckets of `bucket`; both ends stand on bucket borders."""

    since: datetime
    until: datetime
    bucket: timedelta

    @classmethod
    def covering(cls, since: datetime, until: datetime, bucket: timedelta) -> "TimeRange":
        """The range on bucket borders that holds both ends."""
        width = bucket // _MICROSECOND
        first = (since - _EPOCH) // _MICROSECOND // width * width
        last = -(-((until - _EPOCH) // _MICROSECOND) // width) * width
        return cls(_EPOCH + first * _MICROSECOND, _EPOCH + max(last, first + width) * _MICROSECOND, bucket)

    @property
    def buckets(self) -> int:
        return (self.until - self.since) // self.bucket

    @property
    def since_us(self) -> int:
        """Microseconds since 1970."""
        return (self.since - _EPOCH) // _MICROSECOND

    @property
    def bucket_us(self) -> int:
        return self.bucket // _MICROSECOND

    def at(self, index: int) -> datetime:
        """The beginning of a bucket."""
        return self.since + index * self.bucket


def parse_duration(text: str) -> timedelta:
    """A length of time: a number and s, m, h, d or w.

    Raises:
        QueryError: it is none, or not above zero.
    """
    match = _RELATIVE.fullmatch(text.strip())
    duration = timedelta(seconds=float(match[1]) * _UNITS[match[2]]) if match else timedelta()
    if duration <= timedelta():
        raise QueryError(f"{text!r} is not a length of time", remedy="give one as 10s, 1m, 2h or 1d", reason="duration")
    return duration

"""The stretch of time that is analysed, and its division into buckets."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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

    @staticmethod
    def border(moment: datetime, bucket: timedelta) -> datetime:
        """The beginning of the bucket that a moment lies in."""
        return moment - (moment - _EPOCH) % bucket

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

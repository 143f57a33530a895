"""Events of a range of time as bodies of JSON, in the order of time: for a file, without a cursor."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from logpipe.store import Store
from logpipe_shippers.loki import repeats
from logpipe_shippers.loki.lines import lines
from logpipe_shippers.loki.rows import OF_SERVICES, RAW, read
from logpipe_shippers.loki.settings import Limits
from logpipe_shippers.loki.streams import Streams

WINDOW_EVENTS: Final = 20_000
"""Events that are sorted at a time, about: whole minutes, as the roll-ups count them."""

_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(2262, 4, 11, tzinfo=UTC)
_WINDOWS: Final = """
SELECT epoch_us(min(minute))
FROM (
    SELECT minute, sum(sum(events)) OVER (ORDER BY minute) // $window AS number
    FROM rollup_minute
    WHERE minute > $start AND minute < $end
    GROUP BY minute
)
GROUP BY number
ORDER BY number
"""
_COUNTS: Final = f"""
SELECT
    count(*) FILTER (ts >= $start AND ts < $end),
    count(*) FILTER (ts IS NULL OR ts < $first OR ts >= $last)
FROM events
WHERE {OF_SERVICES}
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which events: from `since` up to, not including, `until`, of `services`; all where None or empty."""

    since: datetime | None = None
    until: datetime | None = None
    services: tuple[str, ...] = ()

    @property
    def start(self) -> datetime:
        return max(self.since, _FIRST) if self.since else _FIRST

    @property
    def end(self) -> datetime:
        return min(self.until, _LAST) if self.until else _LAST


@dataclass(frozen=True, slots=True)
class Stock:
    """What there is to export."""

    events: int
    """Within the scope."""
    without_time: int
    """Of the wanted services, without a time that Loki can hold; they cannot be exported."""


def stock(store: Store, scope: Scope) -> Stock:
    """Count the events that `bodies` will give.

    Raises:
        StoreError: the events cannot be read.
    """
    values = {"start": scope.start, "end": scope.end, "first": _FIRST, "last": _LAST, "services": list(scope.services)}
    [counts] = store.execute(_COUNTS, values)
    return Stock(*counts)


def bodies(store: Store, scope: Scope, most_bytes: int, limits: Limits | None = None) -> Iterator[tuple[bytes, int]]:
    """Bodies on one line each, and how many log lines are in each; those of one snapshot of the store.

    Raises:
        StoreError: the events cannot be read.
    """
    limits, streams = limits or Limits(), Streams()
    with Store(store.connection.cursor(), store.url, read_only=True) as own, own.transaction():
        for start, end in _windows(own, scope):
            source = f"SELECT {RAW} FROM events WHERE ts >= '{start.isoformat()}' AND ts < '{end.isoformat()}'"
            if (rows := read(own, source, scope.services)) is None:
                continue
            found = lines(rows, repeats.numbers(rows, {}), streams, limits, now=None, by_time=True)
            streams = found.assigned.after
            encoded = found.encode(limits, "json")
            for parts in encoded.parts(most_bytes):
                yield encoded.body(parts), sum(map(len, parts))


def _windows(store: Store, scope: Scope) -> Iterator[tuple[datetime, datetime]]:
    """Stretches of time with about `WINDOW_EVENTS` events each, which together cover the scope."""
    inner = store.execute(_WINDOWS, {"window": WINDOW_EVENTS, "start": scope.start, "end": scope.end})
    bounds = [scope.start, *(_FIRST + timedelta(microseconds=start_us) for (start_us,) in inner), scope.end]
    yield from pairwise(bounds)

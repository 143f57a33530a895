"""Reading events for Loki: in the order of time, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

import duckdb

from logpipe.record import COLUMNS
from logpipe.store import Store
from logpipe_shippers.loki.entries import Entry, Streams, line, metadata

WINDOW_EVENTS: Final = 100_000
"""Events that are sorted at a time, about: whole minutes, as the roll-ups count them."""
_BATCH_ROWS: Final = 10_000

_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(2262, 4, 11, tzinfo=UTC)
"""Loki's times are nanoseconds since 1970 in 64 bits."""

_NOT_METADATA: Final = {"ts", "service", "environment", "stream", "message", "exception_stacktrace"}
_METADATA: Final = (*(name for name in COLUMNS if name not in _NOT_METADATA), "source_id", "source_pos")


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
    """Count the events that `entries` will give."""
    within, without_time = store.execute(
        f"""
        SELECT
            count(*) FILTER (ts >= $start AND ts < $end),
            count(*) FILTER (ts IS NULL OR ts < $first OR ts >= $last)
        FROM events
        WHERE {_OF_SERVICES}
        """,
        {
            "start": scope.start,
            "end": scope.end,
            "first": _FIRST,
            "last": _LAST,
            "services": list(scope.services),
        },
    )[0]
    return Stock(within, without_time)


def entries(store: Store, scope: Scope) -> Iterator[Entry]:
    """The events of `scope` as entries, by time; those of one snapshot of the store.

    Loki refuses what lies an hour behind the newest line of its stream, so the order holds over the whole export.

    Raises:
        StoreError: the events cannot be read.
    """
    streams = Streams()
    with Store(store.connection.cursor(), store.url, read_only=True) as own, own.transaction() as connection:
        for start, end in _windows(own, scope):
            for epoch_us, texts in _rows(connection, scope, start, end):
                yield _entry(streams, epoch_us, texts)


def _windows(store: Store, scope: Scope) -> Iterator[tuple[datetime, datetime]]:
    """Stretches of time with about `WINDOW_EVENTS` events each, which together cover the scope."""
    inner = store.execute(
        """
        SELECT epoch_us(min(minute))
        FROM (
            SELECT minute, sum(sum(events)) OVER (ORDER BY minute) // $window AS number
            FROM rollup_minute
            WHERE minute > $start AND minute < $end
            GROUP BY minute
        )
        GROUP BY number
        ORDER BY number
        """,
        {"window": WINDOW_EVENTS, "start": scope.start, "end": scope.end},
    )
    bounds = [scope.start, *(_FIRST + timedelta(microseconds=start_us) for (start_us,) in inner), scope.end]
    yield from pairwise(bounds)


_OF_SERVICES: Final = "(len($services) = 0 OR list_contains($services, service))"

_EVENTS: Final = f"""
SELECT
    epoch_us(ts) AS epoch_us,
    service, environment, stream,
    coalesce(message, db_statement, event) AS line,
    exception_stacktrace,
    attributes::VARCHAR AS attributes,
    {", ".join(f"{name}::VARCHAR AS {name}" for name in _METADATA)}
FROM events
WHERE ts >= $start AND ts < $end AND {_OF_SERVICES}
ORDER BY ts, source_id, source_pos
"""


def _rows(
    connection: duckdb.DuckDBPyConnection, scope: Scope, start: datetime, end: datetime
) -> Iterator[tuple[int, tuple[str | None, ...]]]:
    """Microseconds since 1970, and the texts."""
    result = connection.execute(_EVENTS, {"start": start, "end": end, "services": list(scope.services)})
    for batch in result.to_arrow_reader(_BATCH_ROWS):
        epoch_us, *texts = (column.to_pylist() for column in batch.columns)
        yield from zip(epoch_us, zip(*texts, strict=True), strict=True)


def _entry(streams: Streams, epoch_us: int, texts: tuple[str | None, ...]) -> Entry:
    service, environment, stream, message, stacktrace, attributes, *values = texts
    labels = streams.labels(service, environment, stream)
    fields = [(name, value) for name, value in zip(_METADATA, values, strict=True) if value is not None]
    if not streams.is_exact(labels, service, environment, stream):
        whole = (("service", service), ("environment", environment), ("stream", stream))
        fields += [(name, value) for name, value in whole if value]
    return Entry(labels, epoch_us * 1000, line(message or "", stacktrace), metadata(fields, attributes))

"""Reading events for Loki: in the order of time, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

import duckdb

from logpipe.record import COLUMNS
from logpipe.store import Store
from logpipe_shippers.loki.entries import MAX_LABEL_CHARACTERS, OTHER_STREAMS, Entry, Streams, metadata

WINDOW_EVENTS: Final = 100_000
"""Events that are sorted at a time, about: whole minutes, as the roll-ups count them."""
_BATCH_ROWS: Final = 10_000

_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(2262, 4, 11, tzinfo=UTC)
"""Loki's times are nanoseconds since 1970 in 64 bits."""

_LABELLED: Final = ("service", "environment", "stream")
_NOT_METADATA: Final = {"ts", *_LABELLED, "message", "exception_stacktrace"}
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
            for ns, texts in _rows(connection, scope, start, end):
                yield _entry(streams, ns, texts)


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
WITH shown AS (
    SELECT
        *,
        left(coalesce(nullif(service, ''), 'unknown_service'), $label) AS service_label,
        left(nullif(environment, ''), $label) AS environment_label,
        left(nullif(stream, ''), $label) AS stream_label,
        coalesce(message, db_statement, event, '') AS body,
        CASE
            WHEN coalesce(exception_stacktrace, '') = '' OR contains(body, exception_stacktrace) THEN body
            WHEN body = '' THEN exception_stacktrace
            ELSE concat(body, chr(10), exception_stacktrace)
        END AS entry_line
    FROM events
    WHERE ts >= $start AND ts < $end AND {_OF_SERVICES}
)
SELECT
    epoch_us(ts) * 1000 - 1 + row_number() OVER (
        PARTITION BY ts, hash(service_label, environment_label, stream_label, entry_line)
        ORDER BY source_id, source_pos
    ) AS ns,
    service_label, environment_label, stream_label, entry_line,
    attributes::VARCHAR,
    {", ".join(f"CASE WHEN length({name}) > $label THEN {name} END" for name in _LABELLED)},
    {", ".join(f"{name}::VARCHAR" for name in _METADATA)}
FROM shown
ORDER BY ts, source_id, source_pos
"""


def _rows(
    connection: duckdb.DuckDBPyConnection, scope: Scope, start: datetime, end: datetime
) -> Iterator[tuple[int, tuple[str | None, ...]]]:
    """Nanoseconds since 1970, and the texts."""
    parameters = {"start": start, "end": end, "services": list(scope.services), "label": MAX_LABEL_CHARACTERS}
    for batch in connection.execute(_EVENTS, parameters).to_arrow_reader(_BATCH_ROWS):
        ns, *texts = (column.to_pylist() for column in batch.columns)
        yield from zip(ns, zip(*texts, strict=True), strict=True)


def _entry(streams: Streams, ns: int, texts: tuple[str | None, ...]) -> Entry:
    service, environment, stream, line, attributes, *values = texts
    assert service is not None
    assert line is not None
    names = (*_LABELLED, *_METADATA)
    fields = [(name, value) for name, value in zip(names, values, strict=True) if value is not None]
    labels = streams.labels(service, environment, stream)
    if labels is None:
        unlabelled = zip(_LABELLED, (service, environment, stream), strict=True)
        fields = [*((name, value) for name, value in unlabelled if value is not None), *fields]
    return Entry(labels or OTHER_STREAMS, ns, line, metadata(fields, attributes))

"""Roll-ups counted anew from the events, without losing what outlived its events."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import duckdb

from logpipe.store import rollup
from logpipe.store.database import Store

PIECE_EVENTS: Final = 1_000_000
"""Events counted in one transaction, about: a piece is whole minutes."""

_PIECES = f"""
SELECT min(minute)::VARCHAR, max(minute)::VARCHAR
FROM (
    SELECT minute, sum(events) OVER (ORDER BY minute) - events AS before
    FROM (
        SELECT minute, sum(events) AS events
        FROM (
            SELECT {rollup.MINUTE} AS minute, count(*) AS events FROM events GROUP BY ALL
            UNION ALL SELECT minute, 0 FROM rollup_minute
            UNION ALL SELECT minute, 0 FROM latency_histogram
        )
        GROUP BY minute
    )
)
GROUP BY before // $piece
ORDER BY min(minute)
"""

_WHOLE_MINUTES = f"""
CREATE OR REPLACE TEMP TABLE minutes_again AS
SELECT minute
FROM (
    SELECT {rollup.MINUTE} AS minute FROM events
    UNION SELECT minute FROM rollup_minute
    UNION SELECT minute FROM latency_histogram
)
WHERE minute >= $first::TIMESTAMPTZ AND minute <= $last::TIMESTAMPTZ
    AND minute NOT IN (SELECT minute FROM expired WHERE minute IS NOT NULL)
"""

# What the roll-ups hold beyond the events that stand: maxima cannot be taken apart, and stay.
_OUTLIVED_COUNTS = """
CREATE OR REPLACE TEMP TABLE outlived_counts AS
SELECT minute, service, environment, version, stream, level, severity, http_status, operation_kind, operation,
    sum(events)::UBIGINT AS events, greatest(0, sum(bytes))::UBIGINT AS bytes
FROM (
    SELECT * REPLACE (events::HUGEINT AS events, bytes::HUGEINT AS bytes)
    FROM rollup_minute WHERE minute IN (FROM partial_minutes)
    UNION ALL BY NAME
    SELECT * REPLACE (-events::HUGEINT AS events, -bytes::HUGEINT AS bytes)
    FROM standing_counts
)
GROUP BY ALL HAVING sum(events) > 0
"""
_OUTLIVED_LATENCIES = """
CREATE OR REPLACE TEMP TABLE outlived_latencies AS
SELECT minute, service, environment, version, operation_kind, operation, bucket,
    sum(events)::UBIGINT AS events, greatest(0, sum(sum_ms)) AS sum_ms, coalesce(max(max_ms), 0) AS max_ms
FROM (
    SELECT * REPLACE (events::HUGEINT AS events)
    FROM latency_minute WHERE minute IN (FROM partial_minutes)
    UNION ALL BY NAME
    SELECT * REPLACE (-events::HUGEINT AS events, -sum_ms AS sum_ms, NULL AS max_ms) FROM standing_latencies
)
GROUP BY ALL HAVING sum(events) > 0
"""
_TEMPORARY = ("partial_minutes", "standing_counts", "standing_latencies", "outlived_counts", "outlived_latencies")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did."""

    minutes: int
    """Counted anew."""
    left: int
    """Left as they were, since some of their events have expired."""


def rebuild(store: Store) -> Rebuilt:
    """Count anew every minute whose events are all there, a piece in a transaction.

    Raises:
        StoreError: the store refused; the minutes done so far are right.
    """
    minutes = 0
    for first, last in store.execute(_PIECES, {"piece": PIECE_EVENTS}):
        with store.transaction() as connection:
            connection.execute(_WHOLE_MINUTES, {"first": first, "last": last})
            with settled(connection, "minutes_again"):
                pass
            minutes += connection.execute("SELECT count(*) FROM minutes_again").fetchall()[0][0]
            connection.execute("DROP TABLE minutes_again")
    [(left,)] = store.execute("SELECT count(DISTINCT minute) FROM expired")
    return Rebuilt(minutes, left)


@contextmanager
def settled(connection: duckdb.DuckDBPyConnection, minutes: str) -> Iterator[None]:
    """Bring the roll-ups of some minutes in line with `events`, as these are when the block ends.

    `minutes` is a table of one column, `minute`; it must hold the minutes of all events that the block adds or removes.
    Where events have expired, what the roll-ups held beyond the standing events is kept.
    """
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE partial_minutes AS FROM {minutes} WHERE minute IN (SELECT minute FROM expired)"
    )
    rollup.roll_up_briefly(
        connection,
        _events_of(connection, "partial_minutes"),
        rollup.MINUTE_US,
        counts="standing_counts",
        latencies="standing_latencies",
    )
    connection.execute(_OUTLIVED_COUNTS)
    connection.execute(_OUTLIVED_LATENCIES)
    yield
    for table in ("rollup_minute", "latency_histogram"):
        connection.execute(f"DELETE FROM {table} WHERE minute IN (FROM {minutes})")
    rollup.roll_up(connection, _events_of(connection, minutes))
    connection.execute("INSERT INTO rollup_minute BY NAME FROM outlived_counts")
    connection.execute(f"INSERT INTO latency_histogram BY NAME {rollup.histograms('FROM outlived_latencies')}")
    for name in _TEMPORARY:
        connection.execute(f"DROP TABLE {name}")


def _events_of(connection: duckdb.DuckDBPyConnection, minutes: str) -> str:
    """The events of the minutes, as a relation; bounds on their times spare the engine the row groups of others."""
    condition = f"{rollup.MINUTE} IN (FROM {minutes})"
    [(first, last, ordinary)] = connection.execute(
        "SELECT min(minute)::VARCHAR, (max(minute) + INTERVAL 1 MINUTE)::VARCHAR, "
        f"min(minute) >= '1970-01-01' AND max(minute) < '2200-01-01' FROM {minutes}"
    ).fetchall()
    if ordinary is None:
        return "(FROM events WHERE false)"
    if ordinary:  # others are before 1970, where minutes are no floors, or infinite
        condition += f" AND ts >= '{first}'::TIMESTAMPTZ AND ts < '{last}'::TIMESTAMPTZ"
    return f"(FROM events WHERE {condition})"

"""Roll-ups: counts and latency histograms per minute, written with the events they count.

Counting a batch is apart from adding its cells to the store, so that the two may run side by side.
"""

from collections.abc import Container
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from logpipe.store.arrow import to_arrow

MAX_OPERATIONS_PER_SERVICE = 500
"""Operations of a service that are counted by name; what comes later is counted as `other`."""

COUNTS = "batch_counts"
"""The temporary table of what is being counted."""

LATENCIES = "batch_latencies"
"""What is being timed, where a statement needs it more than once."""

MINUTE_US = 60_000_000
MINUTE = f"make_timestamptz(epoch_us(ts) // {MINUTE_US} * {MINUTE_US})"
"""SQL for the minute by which an event of time `ts` is counted."""

# Names are put together after the grouping, of the few rows that are left; so a name may stand in several rows.
_OPERATION = """
    CASE WHEN statement IS NOT NULL THEN 'db' WHEN is_http THEN 'http' WHEN event IS NOT NULL THEN 'event' END
        AS operation_kind,
    CASE
        WHEN statement IS NOT NULL THEN statement
        WHEN is_http THEN concat_ws(' ', http_method, coalesce(http_route, '*'))
        ELSE event
    END AS operation
"""
_NAMES = f"""
    make_timestamptz(bucket_number * {{bucket_us}}) AS minute, service, environment, version, {_OPERATION}
"""
_KEYS = {
    "bucket_number": "epoch_us(ts) // {bucket_us}",
    "service": "service",
    "environment": "environment",
    "version": "version",
    "statement": "query_fingerprint(db_statement, db_system)[:500]",
    "http_method": "http_method",
    "http_route": "http_route",
    "is_http": "coalesce(http_method, http_route) IS NOT NULL OR http_status IS NOT NULL",
    "event": "CASE WHEN coalesce(db_statement, http_method, http_route) IS NULL AND http_status IS NULL THEN event END",
}
READ = (
    *("ts", "service", "environment", "version", "db_statement", "db_system"),
    *("http_method", "http_route", "http_status", "event"),
)
"""The columns of the record that the names of what is counted are made of."""
_READ_FROM = {"statement": "db_statement"}
"""The column that a key is made of, where it has another name."""

# Other numbers are no statuses (RFC 9110, section 15), and whoever writes them is given no rows by them.
_STATUS = "CASE WHEN http_status BETWEEN 100 AND 599 THEN http_status END"

_COUNTS = f"""
SELECT {_NAMES}, stream, level, severity, http_status, events, bytes
FROM (
    SELECT {{nulls}}, *
    FROM (
        SELECT {{keys}}, stream, level, severity, {_STATUS} AS http_status,
            count(*)::UBIGINT AS events, sum(bytes)::UBIGINT AS bytes
        FROM {{relation}}
        GROUP BY ALL
    )
)
"""

_BUCKETS = "list(struct_pack(bucket, events, sum_ms, max_ms)) AS buckets"
_LISTED = f"SELECT * EXCLUDE (bucket, events, sum_ms, max_ms), {_BUCKETS} FROM ({{latencies}}) GROUP BY ALL"
_UNLISTED = "SELECT * EXCLUDE (buckets), unnest(buckets, recursive := true) FROM ({histograms})"

_EACH_LATENCY = """
SELECT {keys}, bucket, sum(events)::UBIGINT AS events, sum(sum_ms) AS sum_ms, max(max_ms) AS max_ms
FROM ({relation})
GROUP BY ALL
"""
_LATENCIES = f"""
SELECT {_NAMES}, buckets FROM (SELECT {{nulls}}, * FROM ({_LISTED.format(latencies=_EACH_LATENCY)}))
"""

# Groups that are the same by name are not summed up once more: a key may stand in several rows.
_NAMED_GROUPS = f"""
CREATE OR REPLACE TEMP TABLE named_groups AS
SELECT "group", {_NAMES} FROM (SELECT {{nulls}}, {{keys}}, "group" FROM {{relation}})
"""
_OF_GROUPS = 'SELECT * EXCLUDE ("group") FROM {relation} JOIN named_groups USING ("group")'

_EACH_TIMED = """
SELECT *, latency_bucket(duration_ms) AS bucket, 1 AS events, duration_ms AS sum_ms, duration_ms AS max_ms
FROM {relation}
WHERE duration_ms >= 0 AND isfinite(duration_ms)
    AND (coalesce(db_statement, http_method, http_route, event) IS NOT NULL OR http_status IS NOT NULL)
"""

_NEW_OPERATIONS = f"""
INSERT INTO operations
SELECT service, operation_kind, operation
FROM (
    SELECT service, operation_kind, operation, sum(events) AS events
    FROM {COUNTS}
    WHERE operation IS NOT NULL
    GROUP BY service, operation_kind, operation
) AS seen
ANTI JOIN operations USING (service, operation_kind, operation)
LEFT JOIN (SELECT service, count(*) AS known FROM operations GROUP BY service) AS counted USING (service)
QUALIFY coalesce(known, 0)
    + row_number() OVER (PARTITION BY service ORDER BY events DESC, operation_kind, operation) <= ?
ORDER BY events DESC -- the table keeps this order, by which readers with a smaller cap choose
"""

_ANY_UNKNOWN = f"""
SELECT count(*) > 0
FROM {COUNTS} ANTI JOIN operations USING (service, operation_kind, operation)
WHERE operation IS NOT NULL
"""

_PAST_THE_CAP = """
FROM {cells} ANTI JOIN operations USING (service, operation_kind, operation) WHERE operation IS NOT NULL
"""
_BOUNDED = """
FROM {cells} WHERE operation IS NULL
UNION ALL BY NAME
FROM {cells} SEMI JOIN operations USING (service, operation_kind, operation)
UNION ALL BY NAME
{others}
"""
_BOUNDED_COUNTS = _BOUNDED.format(
    cells=COUNTS,
    others=f"""
        SELECT * EXCLUDE (operation, events, bytes), 'other' AS operation, sum(events) AS events, sum(bytes) AS bytes
        FROM ({_PAST_THE_CAP.format(cells=COUNTS)})
        GROUP BY ALL
    """,
)
_OTHER_LATENCIES = f"""
SELECT * EXCLUDE (operation, events, sum_ms, max_ms), 'other' AS operation, sum(events)::UBIGINT AS events,
    sum(sum_ms) AS sum_ms, max(max_ms) AS max_ms
FROM ({_UNLISTED.format(histograms=_PAST_THE_CAP.format(cells=LATENCIES))})
GROUP BY ALL
"""
_BOUNDED_LATENCIES = f"""
WITH {LATENCIES} AS MATERIALIZED ({{latencies}})
{_BOUNDED.format(cells=LATENCIES, others=_LISTED.format(latencies=_OTHER_LATENCIES))}
"""


def _grouped(statement: str, relation: str, bucket_us: int, empty: Container[str] = ()) -> str:
    constant = [key for key in _KEYS if _READ_FROM.get(key, key) in empty]
    keys = ", ".join(f"{sql} AS {key}" for key, sql in _KEYS.items() if key not in constant)
    nulls = ", ".join(f"NULL::VARCHAR AS {key}" for key in constant) or "NULL AS nothing"
    return statement.format(relation=relation, keys=keys.format(bucket_us=bucket_us), bucket_us=bucket_us, nulls=nulls)


@dataclass(frozen=True, slots=True)
class GroupedEvents:
    """SQL of relations that tell of groups of events, each with the number of the `group`."""

    groups: str
    """`READ` of an event of each group."""
    counts: str
    """`stream`, `level`, `severity`, `http_status`, `events` and `bytes`."""
    latencies: str
    """`buckets`, as they stand in `latency_histogram`."""


@dataclass(frozen=True, slots=True)
class Cells:
    """What some events add to the roll-ups: rows of the tables of these names."""

    rollup_minute: pa.Table
    latency_histogram: pa.Table
    operations: pa.Table | None


def operations(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """The names that operations are counted by, in the order in which they came."""
    return to_arrow(connection.execute("FROM operations"))


def cells(
    connection: duckdb.DuckDBPyConnection, single: str | None, grouped: GroupedEvents | None, empty: Container[str] = ()
) -> Cells:
    """Sum up single events and groups of events, on a connection other than the store's.

    Columns that are NULL throughout may be named as `empty`: grouping by them would cost time and change nothing. The
    connection's table `operations` must hold what the store's does, and has the new ones afterwards.
    """
    selections = []
    if grouped:
        connection.execute(_grouped(_NAMED_GROUPS, grouped.groups, MINUTE_US, empty))
        selections.append((_OF_GROUPS.format(relation=grouped.counts), _OF_GROUPS.format(relation=grouped.latencies)))
    if single:
        selections.append(_of_each(single, MINUTE_US, empty))
    counts, latencies = (" UNION ALL BY NAME ".join(parts) for parts in zip(*selections, strict=True))
    _count(connection, counts)
    operations, past_the_cap = _enter_operations(connection)
    found, timed = (to_arrow(connection.execute(rows)) for rows in _bounded(past_the_cap, latencies))
    _forget(connection)
    return Cells(found, timed, operations)


def add(connection: duckdb.DuckDBPyConnection, found: Cells) -> None:
    """Add cells to the roll-ups, in the transaction that inserts their events."""
    for table in ("operations", "rollup_minute", "latency_histogram"):
        rows = getattr(found, table)
        if rows is not None and len(rows):
            connection.register("new_cells", rows)
            connection.execute(f"INSERT INTO {table} BY NAME FROM new_cells")
            connection.unregister("new_cells")


def _enter_operations(connection: duckdb.DuckDBPyConnection) -> tuple[pa.Table | None, bool]:
    """Enter the names of operations that are new; returns them, and whether some are past the cap."""
    if not _any_unknown(connection):
        return None, False
    new = connection.execute(f"{_NEW_OPERATIONS} RETURNING *", [MAX_OPERATIONS_PER_SERVICE])
    return to_arrow(new), _any_unknown(connection)


def _any_unknown(connection: duckdb.DuckDBPyConnection) -> bool:
    [(unknown,)] = connection.execute(_ANY_UNKNOWN).fetchall()
    return bool(unknown)


def _bounded(past_the_cap: bool, latencies: str) -> tuple[str, str]:
    """The SELECTs of the counts and latencies, with operations past the cap as `other`."""
    if past_the_cap:
        return _BOUNDED_COUNTS, _BOUNDED_LATENCIES.format(latencies=latencies)
    return f"FROM {COUNTS}", latencies


def roll_up(connection: duckdb.DuckDBPyConnection, relation: str) -> None:
    """Count the events of `relation` (a table with the columns of `events`) into the roll-ups.

    The cost follows the rows of `relation`, not those of the store.
    """
    counts, latencies = _of_each(relation, MINUTE_US)
    _count(connection, counts)
    _, past_the_cap = _enter_operations(connection)
    counts, latencies = _bounded(past_the_cap, latencies)
    connection.execute(f"INSERT INTO rollup_minute BY NAME {counts}")
    connection.execute(f"INSERT INTO latency_histogram BY NAME {latencies}")
    _forget(connection)


def roll_up_briefly(
    connection: duckdb.DuckDBPyConnection, relation: str, bucket_us: int, *, counts: str, latencies: str
) -> None:
    """Count the events of `relation` per `bucket_us` into two temporary tables, shaped as the roll-ups are.

    For stretches too short for minutes; the column `minute` holds the beginning of the bucket. The store is not
    written.
    """
    counted, timed = _of_each(relation, bucket_us)
    _count(connection, counted)
    counted, timed = _bounded(True, timed)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {counts} AS {counted}")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {latencies} AS {_UNLISTED.format(histograms=timed)}")
    _forget(connection)


def named_operations(relation: str) -> str:
    """SQL of the rows of `relation`, shaped as `events`, with the `operation_kind` and `operation` they are counted by.

    What is past the cap of its service has its own name here.
    """
    keys = ", ".join(f"{_KEYS[key]} AS {key}" for key in ("statement", "is_http"))
    return f"SELECT *, {_OPERATION} FROM (SELECT *, {keys} FROM {relation})"


def histograms(latencies: str) -> str:
    """SQL of rows of `latency_histogram`, of a relation shaped as `latency_minute`."""
    return _LISTED.format(latencies=latencies)


def _of_each(relation: str, bucket_us: int, empty: Container[str] = ()) -> tuple[str, str]:
    """The SELECTs of what single events add, counts and latencies."""
    counts = _grouped(_COUNTS, relation, bucket_us, empty)
    return counts, _grouped(_LATENCIES, _EACH_TIMED.format(relation=relation), bucket_us, empty)


def _count(connection: duckdb.DuckDBPyConnection, counts: str) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {COUNTS} AS {counts}")


def _forget(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(f"DROP TABLE {COUNTS}")

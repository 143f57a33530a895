"""Roll-ups: counts and latency histograms per minute, written with the events they count."""

import duckdb

MAX_OPERATIONS_PER_SERVICE = 500
"""Operations of a service that are counted by name; what comes later is counted as `other`."""

CELLS = "batch_cells"
"""The relation that `add_cells` reads."""

_MINUTE_US = 60_000_000

_CELLS = """
SELECT
    make_timestamptz(epoch_us(ts) // {bucket_us} * {bucket_us}) AS minute,
    service, environment, version, stream, level, severity,
    CASE
        WHEN db_statement IS NOT NULL THEN 'db'
        WHEN coalesce(http_route, http_method) IS NOT NULL OR http_status IS NOT NULL THEN 'http'
        WHEN event IS NOT NULL THEN 'event'
    END AS operation_kind,
    CASE
        WHEN db_statement IS NOT NULL THEN query_fingerprint(db_statement)[:500]
        WHEN coalesce(http_route, http_method) IS NOT NULL OR http_status IS NOT NULL
            THEN concat_ws(' ', http_method, coalesce(http_route, '*'))
        ELSE event
    END AS operation,
    CASE WHEN duration_ms >= 0 AND isfinite(duration_ms) THEN latency_bucket(duration_ms) END AS bucket,
    count(*) AS events,
    count(*) FILTER (http_status >= 500) AS server_errors,
    sum(bytes)::UBIGINT AS bytes,
    sum(duration_ms) FILTER (duration_ms >= 0 AND isfinite(duration_ms)) AS sum_ms,
    max(duration_ms) FILTER (duration_ms >= 0 AND isfinite(duration_ms)) AS max_ms
FROM {relation}
GROUP BY ALL
"""

_NEW_OPERATIONS = """
INSERT INTO operations
SELECT service, operation_kind, operation
FROM (
    SELECT service, operation_kind, operation, sum(events) AS events
    FROM batch_cells
    WHERE operation IS NOT NULL
    GROUP BY service, operation_kind, operation
) AS seen
ANTI JOIN operations USING (service, operation_kind, operation)
LEFT JOIN (SELECT service, count(*) AS known FROM operations GROUP BY service) AS counted USING (service)
QUALIFY coalesce(known, 0)
    + row_number() OVER (PARTITION BY service ORDER BY events DESC, operation_kind, operation) <= ?
ORDER BY events DESC -- the table keeps this order, by which readers with a smaller cap choose
"""

_BOUNDED = """
(
    SELECT cells.* REPLACE (CASE WHEN known.service IS NOT NULL THEN operation WHEN operation IS NOT NULL THEN 'other'
        END AS operation)
    FROM {cells} AS cells
    LEFT JOIN operations AS known USING (service, operation_kind, operation)
)
"""

_COUNTS = """
SELECT minute, service, environment, version, stream, level, severity, operation_kind, operation,
    sum(events) AS events, sum(server_errors) AS server_errors, sum(bytes) AS bytes
FROM {bounded}
GROUP BY ALL
"""

_LATENCIES = """
SELECT minute, service, environment, version, operation_kind, operation, bucket,
    sum(events) AS events, sum(sum_ms) AS sum_ms, max(max_ms) AS max_ms
FROM {bounded}
WHERE bucket IS NOT NULL AND operation IS NOT NULL
GROUP BY ALL
"""


def cells(relation: str, bucket_us: int = _MINUTE_US) -> str:
    """The SELECT of what the events of `relation` (with the columns of `events`) add to the roll-ups."""
    return _CELLS.format(relation=relation, bucket_us=bucket_us)


def add_cells(connection: duckdb.DuckDBPyConnection) -> None:
    """Add the relation `batch_cells`, as `cells` selects it, to the roll-ups.

    Called in the transaction that inserts the events, once for each event.
    """
    connection.execute(_NEW_OPERATIONS, [MAX_OPERATIONS_PER_SERVICE])
    bounded = _BOUNDED.format(cells=CELLS)
    connection.execute(f"INSERT INTO rollup_minute {_COUNTS.format(bounded=bounded)}")
    connection.execute(f"INSERT INTO latency_minute {_LATENCIES.format(bounded=bounded)}")


def roll_up(connection: duckdb.DuckDBPyConnection, relation: str) -> None:
    """Count the events of `relation` (a table with the columns of `events`) into the roll-ups.

    Durations below zero or not finite are not counted as latencies. The cost follows the rows of `relation`, not those
    of the store.
    """
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {CELLS} AS {cells(relation)}")
    add_cells(connection)
    connection.execute(f"DROP TABLE {CELLS}")


def roll_up_briefly(
    connection: duckdb.DuckDBPyConnection, relation: str, bucket_us: int, *, counts: str, latencies: str
) -> None:
    """Count the events of `relation` per `bucket_us` into two temporary tables, shaped as the roll-ups are.

    For stretches too short for minutes; the column `minute` holds the beginning of the bucket. The store is not
    written.
    """
    connection.execute(f"CREATE OR REPLACE TEMP TABLE batch_cells AS {cells(relation, bucket_us)}")
    bounded = _BOUNDED.format(cells="batch_cells")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {counts} AS {_COUNTS.format(bounded=bounded)}")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {latencies} AS {_LATENCIES.format(bounded=bounded)}")
    connection.execute("DROP TABLE batch_cells")

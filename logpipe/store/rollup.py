"""Roll-ups: counts and latency histograms per minute, written with the events they count."""

import duckdb

MAX_OPERATIONS_PER_SERVICE = 500
"""Operations of a service that are counted by name; what comes later is counted as `other`."""

_CELLS = """
CREATE OR REPLACE TEMP TABLE batch_cells AS
SELECT
    make_timestamptz(epoch_us(ts) // 60_000_000 * 60_000_000) AS minute,
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
    sum(bytes) AS bytes,
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
"""

_BOUNDED = """
(
    SELECT cells.* REPLACE (CASE WHEN known.service IS NOT NULL THEN operation WHEN operation IS NOT NULL THEN 'other'
        END AS operation)
    FROM batch_cells AS cells
    LEFT JOIN operations AS known USING (service, operation_kind, operation)
)
"""

_COUNTS = f"""
INSERT INTO rollup_minute
SELECT minute, service, environment, version, stream, level, severity, operation_kind, operation,
    sum(events), sum(server_errors), sum(bytes)
FROM {_BOUNDED}
GROUP BY ALL
"""

_LATENCIES = f"""
INSERT INTO latency_minute
SELECT minute, service, environment, version, operation_kind, operation, bucket, sum(events), sum(sum_ms), max(max_ms)
FROM {_BOUNDED}
WHERE bucket IS NOT NULL AND operation IS NOT NULL
GROUP BY ALL
"""


def roll_up(connection: duckdb.DuckDBPyConnection, relation: str) -> None:
    """Count the events of `relation` (a table with the columns of `events`) into the roll-ups.

    Called in the transaction that inserts them, once for each event. Durations below zero or not finite are not counted
    as latencies. The cost follows the rows of `relation`, not those of the store.
    """
    connection.execute(_CELLS.format(relation=relation))
    connection.execute(_NEW_OPERATIONS, [MAX_OPERATIONS_PER_SERVICE])
    connection.execute(_COUNTS)
    connection.execute(_LATENCIES)
    connection.execute("DROP TABLE batch_cells")

-- Queries by the time they cost, by fingerprint and over all services; from the histograms, whose buckets also give the
-- variance (low by at most 0.21 % of the mean of the squares, as a bucket counts as if all at its mean). Events are read
-- only for the worst sample.
CREATE OR REPLACE MACRO slow_queries(span := NULL, since := NULL, until := NULL, of_service := NULL) AS TABLE
WITH buckets AS (
    SELECT
        operation,
        bucket,
        sum(events)::BIGINT AS events,
        sum(sum_ms) AS sum_ms,
        max(max_ms) AS max_ms,
        min(minute) AS first_seen,
        max(minute) AS last_seen,
        list(DISTINCT service) AS services
    FROM latency_since(span, since, until, of_service)
    WHERE operation_kind = 'db'
    GROUP BY operation, bucket
),
cumulative AS (
    SELECT *,
        sum(events) OVER (PARTITION BY operation ORDER BY bucket)::BIGINT AS upto,
        sum(events) OVER (PARTITION BY operation)::BIGINT AS total,
        sum(sum_ms) OVER (PARTITION BY operation) / total AS mean_ms
    FROM buckets
),
queries AS (
    SELECT
        operation,
        sum(events)::BIGINT AS queries,
        sum(sum_ms) AS total_ms,
        any_value(mean_ms) AS mean_ms,
        least(latency_quantile(0.50, bucket, events, upto, total), max(max_ms)) AS p50_ms,
        least(latency_quantile(0.95, bucket, events, upto, total), max(max_ms)) AS p95_ms,
        least(latency_quantile(0.99, bucket, events, upto, total), max(max_ms)) AS p99_ms,
        max(max_ms) AS max_ms,
        sum(events * pow(sum_ms / events - mean_ms, 2)) / nullif(sum(sum_ms), 0) AS variance_to_mean_ms,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen,
        array_to_string(list_sort(list_distinct(flatten(list(services)))), ', ') AS services
    FROM cumulative
    GROUP BY operation
),
worst AS (
    SELECT operation, min(ts) AS worst_at, arg_min(db_statement, ts) AS worst_statement
    FROM queries
    JOIN events_since(span, since, until, of_service) AS seen
        ON seen.duration_ms = queries.max_ms AND seen.db_statement IS NOT NULL
    WHERE operation IN ('other', query_fingerprint(db_statement, db_system)[:500])
    GROUP BY operation
)
SELECT
    operation AS fingerprint,
    queries,
    total_ms,
    total_ms / nullif(sum(total_ms) OVER (), 0) AS time_share,
    mean_ms,
    p50_ms,
    p95_ms,
    p99_ms,
    max_ms,
    variance_to_mean_ms,
    first_seen,
    last_seen,
    services,
    worst_at,
    worst_statement
FROM queries
LEFT JOIN worst USING (operation)
ORDER BY total_ms DESC, fingerprint;

-- A duration within a bucket, interpolated on the logarithm: fraction 0 is the bucket's lower bound, 1 its upper.
CREATE OR REPLACE MACRO latency_within(bucket, fraction) AS
    CASE WHEN bucket = -32768 THEN 0.0 ELSE pow(2.0, (bucket + least(greatest(fraction, 0), 1)) / 8.0) END;

-- The quantile q (nearest rank) of a histogram, an aggregate over its buckets: `upto` counts the events of this bucket
-- and those below, `total` all. The exact quantile lies in the same bucket, so the two differ by less than 2^(1/8), 9.1 %.
CREATE OR REPLACE MACRO latency_quantile(q, bucket, events, upto, total) AS
    min(CASE WHEN upto >= q * total THEN latency_within(bucket, (q * total - upto + events) / events) END);

-- Latencies of operations in steps of `width`, aligned to midnight UTC (NULL: one step over the whole range); from the
-- histograms: counts, sums and maxima exact, quantiles within 9.1 %.
CREATE OR REPLACE MACRO latency_over_time(width, span := NULL, since := NULL, until := NULL, of_service := NULL) AS TABLE
WITH buckets AS (
    SELECT time_bucket(width::INTERVAL, minute) AS starts_at, service, operation_kind, operation, bucket,
        sum(events)::BIGINT AS events, sum(sum_ms) AS sum_ms, max(max_ms) AS max_ms
    FROM latency_since(span, since, until, of_service)
    GROUP BY ALL
),
cumulative AS (
    SELECT *, sum(events) OVER (rising)::BIGINT AS upto, sum(events) OVER (all_buckets)::BIGINT AS total
    FROM buckets
    WINDOW all_buckets AS (PARTITION BY starts_at, service, operation_kind, operation),
        rising AS (PARTITION BY starts_at, service, operation_kind, operation ORDER BY bucket)
)
SELECT
    starts_at,
    service,
    operation_kind,
    operation,
    sum(events)::BIGINT AS events,
    sum(sum_ms) AS total_ms,
    sum(sum_ms) / sum(events) AS mean_ms,
    least(latency_quantile(0.50, bucket, events, upto, total), max(max_ms)) AS p50_ms,
    least(latency_quantile(0.90, bucket, events, upto, total), max(max_ms)) AS p90_ms,
    least(latency_quantile(0.95, bucket, events, upto, total), max(max_ms)) AS p95_ms,
    least(latency_quantile(0.99, bucket, events, upto, total), max(max_ms)) AS p99_ms,
    max(max_ms) AS max_ms
FROM cumulative
GROUP BY starts_at, service, operation_kind, operation
ORDER BY starts_at, service, operation_kind, operation;

CREATE OR REPLACE MACRO latency_by_operation(span := NULL, since := NULL, until := NULL, of_service := NULL) AS TABLE
SELECT * EXCLUDE (starts_at)
FROM latency_over_time(NULL, span, since, until, of_service)
ORDER BY total_ms DESC, service, operation_kind, operation;

-- Events that count for each objective, and the bad ones, by the number of windows that end before their minute begins. The
-- latencies of a bucket are good together, or bad together: by the longest of them.
WITH matched AS (
    SELECT number, minute, slo.since, events, CASE WHEN if(operation_kind = 'http', coalesce(http_status >= 500, false), severity >= $error) THEN events ELSE 0 END AS bad
    FROM rollup_minute AS counts
    JOIN slo ON counts.service = slo.service AND CASE
        WHEN slo.operation IS NOT NULL THEN counts.operation = slo.operation
        WHEN operation_kind IS DISTINCT FROM 'http' THEN false
        ELSE slo.route IS NULL OR regexp_replace(counts.operation, '^[A-Za-z-]{1,20} ', '') = slo.route
    END
    WHERE latency_ms IS NULL AND minute > $since AND minute <= $now AND (operation_kind <> 'http' OR http_status IS NOT NULL)
    UNION ALL BY NAME
    SELECT number, minute, since, bucket.events, CASE WHEN bucket.max_ms <= latency_ms THEN 0 ELSE bucket.events END AS bad
    FROM (
        SELECT number, minute, slo.since, latency_ms, unnest(buckets) AS bucket
        FROM latency_histogram AS counts
        JOIN slo ON counts.service = slo.service AND CASE
            WHEN slo.operation IS NOT NULL THEN counts.operation = slo.operation
            WHEN operation_kind IS DISTINCT FROM 'http' THEN false
            ELSE slo.route IS NULL OR regexp_replace(counts.operation, '^[A-Za-z-]{1,20} ', '') = slo.route
        END
        WHERE latency_ms IS NOT NULL AND minute > $since AND minute <= $now
    )
),
by_minute AS (
    SELECT number, minute, minute > since AS within, sum(events) AS events, sum(bad) AS bad FROM matched GROUP BY ALL
)
SELECT
    number,
    list_count(list_filter($spans, lambda span: epoch($now) - epoch(minute) >= span))::INTEGER AS shorter,
    within, sum(events), sum(bad)
FROM by_minute
GROUP BY ALL

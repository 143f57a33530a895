-- What each query of the table `calls` costs, the costliest first.
WITH counted AS (
    FROM calls
    ANTI JOIN left_out
        ON calls.query = left_out.query
        AND calls.of_database = left_out.of_database
        AND calls.ts BETWEEN left_out.since AND left_out.until
),
bounds AS (
    SELECT min(ts) AS first_ts, epoch_us(max(ts)) - epoch_us(first_ts) AS span_us FROM calls
),
placed AS (
    SELECT
        *,
        ($parts * (epoch_us(ts) - epoch_us(first_ts)) // (span_us + 1))::INTEGER AS part,
        least(greatest(floor(log10(greatest(duration_ms, 1e-9))) + 3, 0), 7)::INTEGER AS decade
    FROM counted, bounds
),
parts AS (
    SELECT query, map_from_entries(list((part, part_ms))) AS by_part
    FROM (SELECT query, part, sum(duration_ms) AS part_ms FROM placed GROUP BY query, part)
    GROUP BY query
),
decades AS (
    SELECT query, map_from_entries(list((decade, of_decade))) AS by_decade
    FROM (SELECT query, decade, count(*) AS of_decade FROM placed GROUP BY query, decade)
    GROUP BY query
),
figures AS (
    SELECT
        query,
        count(*) AS queries,
        sum(duration_ms) AS total_ms,
        avg(duration_ms) AS mean_ms,
        min(duration_ms) AS min_ms,
        quantile_disc(duration_ms, [0.5, 0.95, 0.99]) AS quantiles,
        max(duration_ms) AS max_ms,
        var_pop(duration_ms) / nullif(avg(duration_ms), 0) AS variance_to_mean_ms,
        sum(rows_sent)::BIGINT AS rows_sent,
        sum(rows_examined)::BIGINT AS rows_examined,
        sum(rows_examined) FILTER (rows_sent IS NOT NULL) / nullif(sum(rows_sent), 0) AS examined_per_sent,
        sum(lock_ms) AS lock_ms,
        min(ts) AS first_seen,
        max(ts) AS last_seen,
        avg(duration_ms) FILTER (2 * part >= $parts) / nullif(avg(duration_ms) FILTER (2 * part < $parts), 0) AS trend,
        array_to_string(list_sort(list(DISTINCT service)), ', ') AS services,
        array_to_string(list_sort(list(DISTINCT db_system) FILTER (db_system IS NOT NULL)), ', ') AS systems,
        array_to_string(list_sort(list(DISTINCT db_name) FILTER (db_name IS NOT NULL)), ', ') AS databases,
        array_to_string(list_sort(list(DISTINCT db_user) FILTER (db_user IS NOT NULL)), ', ') AS users,
        arg_max(struct_pack(ts, source_id, source_pos), duration_ms) AS worst
    FROM placed
    GROUP BY query
)
SELECT
    query,
    queries,
    total_ms,
    total_ms / nullif(sum(total_ms) OVER (), 0) AS time_share,
    mean_ms,
    min_ms,
    quantiles[1] AS p50_ms,
    quantiles[2] AS p95_ms,
    quantiles[3] AS p99_ms,
    max_ms,
    variance_to_mean_ms,
    rows_sent,
    rows_examined,
    examined_per_sent,
    lock_ms,
    first_seen,
    last_seen,
    trend,
    list_transform(range($parts), lambda part: round(coalesce(by_part[part::INTEGER], 0), 3)) AS over_time_ms,
    list_transform(range(8), lambda decade: coalesce(by_decade[decade::INTEGER], 0)) AS by_decade,
    services,
    systems,
    databases,
    users,
    also_logged_by,
    also_logged,
    also_logged_ms,
    worst.ts AS worst_at,
    worst.source_id AS worst_source_id,
    worst.source_pos AS worst_source_pos
FROM figures
JOIN parts USING (query)
JOIN decades USING (query)
LEFT JOIN left_out USING (query)
ORDER BY total_ms DESC, query
LIMIT coalesce($limit, 9223372036854775807)

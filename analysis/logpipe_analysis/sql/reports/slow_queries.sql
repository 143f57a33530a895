-- Which queries cost the most time?
-- From the events, exact; each query once, by its exact fingerprint. Rows, locks and users where the log tells them.
SELECT
    db_statement,
    db_system,
    ts,
    duration_ms,
    service,
    http_route AS route,
    coalesce(request_id, trace_id) AS request,
    TRY_CAST(told[1] AS DOUBLE) AS rows_sent,
    TRY_CAST(told[2] AS DOUBLE) AS rows_examined,
    TRY_CAST(told[3] AS DOUBLE) AS lock_ms,
    coalesce(told[4], told[6], told[7]) AS db_name,
    coalesce(told[5], told[8]) AS db_user,
    source_id,
    source_pos
FROM (
    SELECT *, json_extract_string(attributes, [
        'rows_sent', 'rows_examined', 'lock_ms', 'db_name', 'db_user', 'database_name', 'dbname', 'user_name'
    ]) AS told
    FROM events_since(since := $since, until := $until, of_service := $service)
    WHERE db_statement IS NOT NULL AND duration_ms >= 0 AND isfinite(duration_ms)
)

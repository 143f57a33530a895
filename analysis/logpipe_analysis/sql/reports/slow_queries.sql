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
    TRY_CAST(told.rows_sent AS DOUBLE) AS rows_sent,
    TRY_CAST(told.rows_examined AS DOUBLE) AS rows_examined,
    TRY_CAST(told.lock_ms AS DOUBLE) AS lock_ms,
    coalesce(told.db_name, told.database_name, told.dbname) AS db_name,
    coalesce(told.db_user, told.user_name) AS db_user,
    source_id,
    source_pos,
    source_id IN (
        SELECT source_id FROM sources WHERE regexp_matches(format, '(^|\+)(postgresql|mysql|mongodb)')
    ) AS of_database
FROM (
    SELECT *, json_transform(attributes, '{
        "rows_sent": "VARCHAR", "rows_examined": "VARCHAR", "lock_ms": "VARCHAR",
        "db_name": "VARCHAR", "database_name": "VARCHAR", "dbname": "VARCHAR",
        "db_user": "VARCHAR", "user_name": "VARCHAR"
    }') AS told -- in one pass
    FROM events_since(since := $since, until := $until, of_service := $service)
    WHERE db_statement IS NOT NULL AND duration_ms >= 0 AND isfinite(duration_ms)
)

-- Errors are records of level ERROR and above; server errors are records with an HTTP status of 500 to 599.
CREATE OR REPLACE MACRO errors_by_service(span := NULL, since := NULL, until := NULL, of_service := NULL) AS TABLE
SELECT
    service,
    sum(events)::BIGINT AS events,
    coalesce(sum(events) FILTER (severity >= 17), 0)::BIGINT AS errors,
    coalesce(sum(events) FILTER (severity >= 17), 0) / sum(events) AS error_share,
    coalesce(sum(events) FILTER (http_status >= 500), 0)::BIGINT AS server_errors,
    min(minute) FILTER (severity >= 17 OR http_status >= 500) AS first_error_at,
    max(minute) FILTER (severity >= 17 OR http_status >= 500) AS last_error_at
FROM rollup_since(span, since, until, of_service)
GROUP BY service
ORDER BY errors + server_errors DESC, service;

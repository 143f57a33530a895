-- Events and errors of each minute that has events; a minute without any has no row.
CREATE OR REPLACE MACRO errors_by_minute(span := NULL, since := NULL, until := NULL, of_service := NULL) AS TABLE
SELECT
    minute,
    service,
    sum(events)::BIGINT AS events,
    coalesce(sum(events) FILTER (severity >= 17), 0)::BIGINT AS errors,
    coalesce(sum(events) FILTER (http_status >= 500), 0)::BIGINT AS server_errors
FROM rollup_since(span, since, until, of_service)
GROUP BY minute, service
ORDER BY minute, service;

-- Endpoints by the time they cost: counts from the roll-up, latencies from the histograms. Requests are the events with a
-- status, since other lines may name the route that they belong to; where none has one, all of them.
CREATE OR REPLACE MACRO slow_endpoints(span := NULL, since := NULL, until := NULL, of_service := NULL) AS TABLE
WITH counts AS (
    SELECT
        service,
        operation,
        coalesce(nullif(sum(events) FILTER (http_status IS NOT NULL), 0), sum(events))::BIGINT AS requests,
        coalesce(sum(events) FILTER (http_status >= 500), 0)::BIGINT AS server_errors
    FROM rollup_since(span, since, until, of_service)
    WHERE operation_kind = 'http'
    GROUP BY service, operation
),
latencies AS (
    FROM latency_by_operation(span, since, until, of_service) WHERE operation_kind = 'http'
)
SELECT
    service,
    operation AS endpoint,
    requests,
    server_errors,
    server_errors / requests AS error_share,
    total_ms,
    total_ms / nullif(sum(total_ms) OVER (), 0) AS time_share,
    mean_ms,
    p50_ms,
    p95_ms,
    p99_ms,
    max_ms
FROM counts
LEFT JOIN latencies USING (service, operation)
ORDER BY total_ms DESC NULLS LAST, requests DESC, service, endpoint;

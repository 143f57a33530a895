-- The objectives, numbered from 0. Made by SELECT: of a database that another process owns nothing else may be made.
CREATE OR REPLACE TEMP TABLE slo AS
SELECT
    unnest(range(len($services))) AS number,
    unnest($services::VARCHAR[]) AS service,
    unnest($operations::VARCHAR[]) AS operation,
    unnest($routes::VARCHAR[]) AS route,
    unnest($latencies::DOUBLE[]) AS latency_ms,
    unnest($since::TIMESTAMPTZ[]) AS since

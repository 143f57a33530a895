CREATE OR REPLACE MACRO volume_by_stream(span := NULL, since := NULL, until := NULL, of_service := NULL) AS TABLE
SELECT
    service,
    stream,
    sum(events)::BIGINT AS events,
    sum(bytes)::BIGINT AS bytes,
    sum(bytes) / nullif(sum(sum(bytes)) OVER (), 0) AS byte_share,
    sum(bytes) / sum(events) AS mean_bytes,
    min(minute) AS first_at,
    max(minute) AS last_at
FROM rollup_since(span, since, until, of_service)
GROUP BY service, stream
ORDER BY bytes DESC, service, stream;

-- Octave k holds the durations in (2^(k-1), 2^k] ms: octave 0 all up to 1 ms, octave 17 all above 2^16 ms. Eight buckets of
-- latency_minute make an octave, so these counts are exact.
CREATE OR REPLACE TEMP TABLE export_latencies AS
SELECT
    service, operation_kind, operation,
    greatest(0, least(17, (bucket + 8) // 8))::INTEGER AS octave,
    sum(events) AS events,
    sum(sum_ms) / 1000 AS seconds
FROM latency_minute
GROUP BY ALL

-- Octave k holds the durations in (2^(k-1), 2^k] ms: octave 0 all up to 1 ms, octave 17 all above 2^16 ms. Eight buckets of
-- latency_minute make an octave, so these counts are exact.
SELECT
    coalesce(services.label, 'other') AS service_label,
    coalesce(named.label, 'other') AS operation_label,
    greatest(0, least(17, ceil((bucket + 1) / 8)))::INTEGER AS octave,
    sum(events),
    sum(sum_ms) / 1000
FROM latency_minute
LEFT JOIN export_services AS services USING (service)
LEFT JOIN export_operations AS named USING (service, operation_kind, operation)
WHERE operation_kind = $kind
GROUP BY ALL
ORDER BY ALL

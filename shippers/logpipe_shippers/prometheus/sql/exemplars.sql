-- The newest traced event of each operation and octave, in the newest minutes of the latest rows. Ids that are none are left
-- out: an exemplar has room for 128 characters.
WITH traced AS (
    FROM ({named})
    WHERE regexp_full_match(trace_id, '[0-9A-Za-z_-]{{1,64}}') AND duration_ms >= 0 AND isfinite(duration_ms) AND ts <= $now
),
recent AS (FROM traced WHERE ts > (SELECT max(ts) FROM traced) - to_seconds($span_s))
SELECT
    coalesce(services.label, 'other') AS service_label,
    operation_kind,
    coalesce(named.label, 'other') AS operation_label,
    greatest(0, least(17, (latency_bucket(duration_ms) + 8) // 8))::INTEGER AS octave,
    max_by(duration_ms, (ts, trace_id)) / 1000,
    epoch(max(ts)),
    max_by(trace_id, (ts, trace_id)),
    max_by(if(regexp_full_match(span_id, '[0-9A-Za-z_-]{{1,32}}'), span_id, ''), (ts, trace_id))
FROM recent
LEFT JOIN export_services AS services USING (service)
LEFT JOIN export_operations AS named USING (service, operation_kind, operation)
WHERE operation_kind IS NOT NULL
GROUP BY ALL
ORDER BY ALL

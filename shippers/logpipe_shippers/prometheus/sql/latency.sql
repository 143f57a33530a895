SELECT
    coalesce(services.label, 'other') AS service_label,
    coalesce(named.label, 'other') AS operation_label,
    octave,
    sum(events),
    sum(seconds)
FROM export_latencies
LEFT JOIN export_services AS services USING (service)
LEFT JOIN export_operations AS named USING (service, operation_kind, operation)
WHERE operation_kind = $kind
GROUP BY ALL
ORDER BY ALL

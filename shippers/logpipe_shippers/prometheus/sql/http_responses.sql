SELECT coalesce(label, 'other') AS service_label, coalesce(http_status::VARCHAR, 'unknown') AS status, sum(events)
FROM export_counts
LEFT JOIN export_services USING (service)
WHERE operation_kind = 'http'
GROUP BY ALL
ORDER BY ALL

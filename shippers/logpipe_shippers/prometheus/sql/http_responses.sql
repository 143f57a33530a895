SELECT coalesce(label, 'other') AS service_label, http_status::VARCHAR AS status, sum(events)
FROM export_counts
LEFT JOIN export_services USING (service)
WHERE operation_kind = 'http' AND http_status IS NOT NULL
GROUP BY ALL
ORDER BY ALL

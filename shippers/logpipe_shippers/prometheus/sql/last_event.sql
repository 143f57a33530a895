SELECT coalesce(label, 'other') AS service_label, epoch(max(last_minute))
FROM export_counts
LEFT JOIN export_services USING (service)
WHERE last_minute IS NOT NULL
GROUP BY ALL
ORDER BY ALL

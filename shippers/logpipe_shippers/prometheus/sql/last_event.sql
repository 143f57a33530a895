SELECT coalesce(label, 'other') AS service_label, epoch(max(minute))
FROM rollup_minute
LEFT JOIN export_services USING (service)
WHERE isfinite(minute)
GROUP BY ALL
ORDER BY ALL

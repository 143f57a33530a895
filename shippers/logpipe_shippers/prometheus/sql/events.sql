SELECT
    coalesce(label, 'other') AS service_label,
    CASE WHEN stream IS NULL THEN 'unknown' WHEN list_contains($streams, stream) THEN stream ELSE 'other' END AS stream_label,
    CASE WHEN level IS NULL THEN 'unknown' WHEN list_contains($levels, level) THEN level ELSE 'other' END AS level_label,
    sum(events)
FROM export_counts
LEFT JOIN export_services USING (service)
GROUP BY ALL
ORDER BY ALL

SELECT
    coalesce(services.label, 'other') AS service_label,
    regexp_extract(coalesce(named.label, 'other'), '^([A-Za-z-]{1,20}) ', 1) AS method,
    regexp_replace(coalesce(named.label, 'other'), '^[A-Za-z-]{1,20} ', '') AS route,
    coalesce(sum(events) FILTER (http_status >= 500 OR NOT $only_errors), 0)
FROM export_counts AS counts
LEFT JOIN export_services AS services USING (service)
LEFT JOIN export_operations AS named USING (service, operation_kind, operation)
WHERE operation_kind = 'http' AND http_status IS NOT NULL -- a line within a request may name its route, too
GROUP BY ALL
ORDER BY ALL

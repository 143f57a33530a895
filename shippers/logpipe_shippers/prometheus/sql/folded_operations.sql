SELECT coalesce(services.label, 'other') AS service_label, operation_kind, count(*) FILTER (named.label = 'other')
FROM export_operations AS named
LEFT JOIN export_services AS services USING (service)
GROUP BY ALL
ORDER BY ALL

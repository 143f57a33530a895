SELECT coalesce(services.label, 'other') AS service_label, coalesce(named.label, 'other') AS event_label, sum(events)
FROM export_counts
LEFT JOIN export_services AS services USING (service)
LEFT JOIN export_operations AS named USING (service, operation_kind, operation)
WHERE operation_kind = 'event' AND stream = 'business'
GROUP BY ALL
ORDER BY ALL

SELECT label_value(kind), label_value(severity), coalesce(label, 'other') AS service_label, status, count(*)
FROM findings
LEFT JOIN export_services USING (service)
WHERE status = 'open'
GROUP BY ALL
ORDER BY ALL

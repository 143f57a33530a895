SELECT label_value(kind), label_value(severity), coalesce(label, 'other') AS service_label,
    if(finding_id IN (SELECT finding_id FROM finding_marks WHERE action = 'acknowledge'), 'acknowledged', status) AS state,
    count(*)
FROM findings
LEFT JOIN export_services USING (service)
WHERE status = 'open'
GROUP BY ALL
ORDER BY ALL

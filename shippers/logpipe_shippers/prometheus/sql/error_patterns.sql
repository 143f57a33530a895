SELECT service_label, pattern, template_label, sum(events) FROM export_patterns GROUP BY ALL ORDER BY ALL

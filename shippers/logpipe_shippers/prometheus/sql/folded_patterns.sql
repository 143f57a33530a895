SELECT service_label, count(*) FILTER (pattern = 'other') FROM export_patterns GROUP BY ALL ORDER BY ALL

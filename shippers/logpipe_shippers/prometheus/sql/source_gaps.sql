SELECT label, count(gaps.reason)
FROM export_sources
LEFT JOIN gaps ON gaps.source_id = export_sources.source_id AND gaps.reason NOT LIKE 'copy_of_source_%'
GROUP BY label
ORDER BY label

SELECT label, count(gaps.reason)
FROM export_sources
LEFT JOIN gaps ON gaps.source_id = export_sources.source_id
GROUP BY label
ORDER BY label

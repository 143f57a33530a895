SELECT label, coalesce(sum(lines), 0)
FROM export_sources
LEFT JOIN ledger USING (source_id)
GROUP BY label
ORDER BY label

SELECT label, coalesce(sum(to_pos - from_pos), 0)
FROM export_sources
LEFT JOIN ledger USING (source_id)
GROUP BY label
ORDER BY label

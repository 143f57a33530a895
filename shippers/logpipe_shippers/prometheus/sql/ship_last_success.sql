SELECT label_value(target), epoch(max(succeeded_at))
FROM shipping
WHERE succeeded_at IS NOT NULL
GROUP BY ALL
ORDER BY ALL

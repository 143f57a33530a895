SELECT label_value(target), max(greatest(0, coalesce(epoch(now()) - epoch(failing_since), 0)))
FROM shipping
GROUP BY ALL
ORDER BY ALL

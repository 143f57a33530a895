SELECT label_value(target), sum(retries) FROM shipping GROUP BY ALL ORDER BY ALL

SELECT label_value(target), sum(refused) FROM shipping GROUP BY ALL ORDER BY ALL

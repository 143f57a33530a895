SELECT label_value(target), sum(accepted) FROM shipping GROUP BY ALL ORDER BY ALL

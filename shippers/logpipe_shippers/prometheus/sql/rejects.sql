SELECT label_value(reason), count(*) FROM rejects GROUP BY ALL ORDER BY ALL

SELECT label_value(target), bool_or(followed)::INTEGER FROM shipping GROUP BY ALL ORDER BY ALL

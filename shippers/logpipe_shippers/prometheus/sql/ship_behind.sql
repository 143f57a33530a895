-- Of targets that take events, in the order of the ledger; the others have no cursor.
SELECT label_value(target), coalesce(sum(events), 0)
FROM shipping
LEFT JOIN ledger ON ledger.ledger_id > coalesce(shipping.ledger_id, 0)
WHERE split_part(target, ':', 1) NOT IN ('alertmanager', 'notify', 'pushgateway')
GROUP BY ALL
ORDER BY ALL

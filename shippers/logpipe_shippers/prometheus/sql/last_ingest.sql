SELECT epoch(max(committed_at)) FROM ledger HAVING count(*) > 0

SELECT
    unnest(['event', 'joined', 'blank', 'reject']),
    unnest([coalesce(sum(events) - sum(divided), 0), coalesce(sum(joined), 0), coalesce(sum(blanks), 0), coalesce(sum(rejects), 0)])
FROM ledger

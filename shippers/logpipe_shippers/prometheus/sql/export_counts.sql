-- The counters of all time, by what the families tell apart: one pass over the roll-up serves them all.
CREATE OR REPLACE TEMP TABLE export_counts AS
SELECT
    service, stream, level, operation_kind, operation,
    sum(events) AS events,
    sum(server_errors) AS server_errors,
    max(minute) FILTER (isfinite(minute)) AS last_minute,
    min(rowid) AS first_row
FROM rollup_minute
GROUP BY service, stream, level, operation_kind, operation

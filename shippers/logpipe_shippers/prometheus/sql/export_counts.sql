-- The counters of all time, by what the families tell apart: one pass over the roll-up serves them all.
CREATE OR REPLACE TEMP TABLE export_counts AS
SELECT
    service, stream, level, http_status, operation_kind, operation,
    sum(events) AS events,
    max(minute) FILTER (isfinite(minute)) AS last_minute,
    min(rowid) AS first_row
FROM rollup_minute
GROUP BY service, stream, level, http_status, operation_kind, operation

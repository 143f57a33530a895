-- What the patterns of errors come to, by the ids under which they were mined: merges come, change and go, and a count that
-- moved from one series to another would read as a restart of the one and as a burst of the other. The first ones of a
-- service keep their names, as in export_operations.
CREATE OR REPLACE TEMP TABLE export_patterns AS
SELECT
    coalesce(label, 'other') AS service_label, events,
    CASE WHEN named AND number <= $patterns THEN pattern_id ELSE 'other' END AS pattern,
    CASE WHEN named AND number <= $patterns THEN label_value(template) ELSE 'other' END AS template_label
FROM (
    SELECT
        service, pattern_id, sum(events) AS events,
        row_number() OVER (PARTITION BY service ORDER BY min(series_id)) AS number
    FROM (
        SELECT series_id, sum(events) AS events
        FROM pattern_cells
        WHERE series_id IN (SELECT series_id FROM pattern_series WHERE severity >= $error)
        GROUP BY series_id
    )
    JOIN pattern_series USING (series_id)
    GROUP BY service, pattern_id
)
JOIN patterns USING (pattern_id)
LEFT JOIN export_services USING (service)

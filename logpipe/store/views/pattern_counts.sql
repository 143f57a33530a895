CREATE OR REPLACE VIEW pattern_counts AS
SELECT pattern_minute.* REPLACE (coalesce(into_id, pattern_id) AS pattern_id)
FROM pattern_minute
LEFT JOIN pattern_merges USING (pattern_id);

-- The label of each source: its log, whatever the file is called since it was rotated. The first ones keep their names, for
-- the reason given in export_services.
CREATE OR REPLACE TEMP TABLE export_sources AS
SELECT
    source_id, family,
    CASE WHEN dense_rank() OVER (ORDER BY first_id) > $sources THEN 'other' ELSE label_value(family) END AS label
FROM (SELECT source_id, family, min(source_id) OVER (PARTITION BY family) AS first_id FROM sources)

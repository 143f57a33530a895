-- Which pattern each event is counted under; by its id where it was mined under that, else by the coarser one.
CREATE OR REPLACE VIEW event_patterns AS
WITH named AS (
    SELECT ts, service, severity, source_id, source_pos,
        event_template(stream, http_method, http_route, template, message, exception_type, event) AS template
    FROM events
),
counted AS (
    SELECT named.* EXCLUDE (template), coalesce(
        own.pattern_id, coarse.pattern_id, pattern_id_of('<*>')) AS pattern_id
    FROM named
    LEFT JOIN patterns AS own ON own.pattern_id = pattern_id_of(named.template)
    LEFT JOIN patterns AS coarse ON coarse.pattern_id = pattern_id_of(coarse_template(named.template))
)
SELECT counted.* REPLACE (coalesce(into_id, pattern_id) AS pattern_id)
FROM counted
LEFT JOIN pattern_merges USING (pattern_id);

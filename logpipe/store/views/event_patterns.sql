-- What each pattern that was counted is told as: `pattern_of` looks it up here.
CREATE OR REPLACE VIEW told_patterns AS
SELECT pattern_id AS counted_id,
    {pattern_id: coalesce(into_id, pattern_id), template: coalesce(pattern_merges.template, patterns.template)} AS told
FROM patterns
LEFT JOIN pattern_merges USING (pattern_id);

-- The pattern that an event is counted under, and told as, by its `event_template`: that which was mined under it, else the
-- coarser one, and what that was merged into. Of an event that is not counted yet, its own, as it is.
CREATE OR REPLACE MACRO pattern_of(of_template) AS coalesce(
    (SELECT told FROM told_patterns WHERE counted_id = pattern_id_of(of_template)),
    (SELECT told FROM told_patterns WHERE counted_id = pattern_id_of(coarse_template(of_template))),
    (SELECT told FROM told_patterns WHERE counted_id = pattern_id_of('<*>')),
    {pattern_id: pattern_id_of(of_template), template: of_template});

-- Which pattern each event is counted under, and its template.
CREATE OR REPLACE VIEW event_patterns AS
SELECT ts, service, severity, source_id, source_pos, pattern.pattern_id, pattern.template
FROM (
    SELECT *, pattern_of(own_template) AS pattern
    FROM (
        SELECT ts, service, severity, source_id, source_pos,
            event_template(stream, http_method, http_route, template, message, exception_type, event) AS own_template
        FROM events
    )
);

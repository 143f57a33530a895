-- Patterns of a range by how often they came. What is first and last seen is so in the whole store, as far as it was mined.
CREATE OR REPLACE MACRO top_patterns(span := NULL, since := NULL, until := NULL, of_service := NULL) AS TABLE
WITH merged AS (
    SELECT
        pattern_id,
        coalesce(into_id, pattern_id) AS into_id,
        coalesce(pattern_merges.template, patterns.template) AS template,
        first_seen,
        last_seen
    FROM patterns
    LEFT JOIN pattern_merges USING (pattern_id)
),
told AS (
    SELECT
        into_id,
        any_value(merged.template) AS template,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen,
        arg_max(value, chosen_at) FILTER (choice = 'name') AS name,
        coalesce(bool_or(choice = 'mute'), false) AS muted
    FROM merged
    LEFT JOIN pattern_choices USING (pattern_id)
    GROUP BY into_id
),
counted AS (
    SELECT
        into_id,
        sum(events)::BIGINT AS events,
        max(severity) AS severity,
        list_sort(list(DISTINCT service)) AS services
    FROM pattern_minute
    JOIN merged USING (pattern_id)
    WHERE minute >= date_trunc('minute', range_start(span, since))
        AND minute < range_end(until)
        AND (of_service IS NULL OR service = of_service)
    GROUP BY into_id
)
SELECT
    into_id AS pattern_id,
    events,
    events / sum(events) OVER () AS event_share,
    severity,
    services,
    first_seen,
    last_seen,
    name,
    muted,
    template
FROM counted
JOIN told USING (into_id)
ORDER BY events DESC, pattern_id;

-- What each place in the code writes, or each pattern: bytes, events, and for what they would be missed.
-- Bound parameters: $since, $until, $service, each may be NULL; $by_pattern.
WITH chosen AS (
    SELECT *, coalesce(request_id, trace_id) AS request,
        CASE WHEN $by_pattern
            THEN event_template(stream, http_method, http_route, template, message, exception_type, event)
        END AS own_template
    FROM events_since(NULL, $since, $until, $service)
),
failed AS (
    SELECT DISTINCT request FROM chosen WHERE severity >= 17 AND request IS NOT NULL
),
shown AS (
    SELECT DISTINCT source_id, source_pos
    FROM (
        SELECT unnest(from_json(evidence, '[{"source_id": "INTEGER", "source_pos": "UBIGINT"}]'), recursive := true)
        FROM findings
    )
),
places AS (
    SELECT
        chosen.service, chosen.logger, chosen.level, chosen.stream,
        CASE
            WHEN $by_pattern THEN pattern_of(own_template).template
            WHEN module IS NOT NULL THEN concat_ws(':', module, function, line)
        END AS place,
        CASE WHEN NOT $by_pattern AND module IS NULL AND logger IS NULL THEN chosen.source_id END AS source_id,
        max(severity) AS severity,
        count(*) AS events,
        sum(bytes) AS bytes,
        count(DISTINCT chosen.request) AS requests,
        count(failed.request) AS of_failed_requests,
        count(shown.source_pos) AS of_findings,
        arg_max(left(coalesce(template, message, event, db_statement), 120), bytes) AS example
    FROM chosen
    LEFT JOIN failed ON failed.request = chosen.request
    LEFT JOIN shown ON shown.source_id = chosen.source_id AND shown.source_pos = chosen.source_pos
    GROUP BY chosen.service, chosen.logger, chosen.level, chosen.stream, 5, 6
)
SELECT
    places.service, places.logger, level, stream, severity,
    left(coalesce(places.place, logger, parse_filename(sources.family), ''), 200) AS place,
    NOT $by_pattern AND places.place IS NOT NULL AS is_code,
    sum(events)::BIGINT AS events,
    sum(places.bytes)::BIGINT AS bytes,
    sum(requests)::BIGINT AS requests,
    sum(of_failed_requests)::BIGINT AS of_failed_requests,
    sum(of_findings)::BIGINT AS of_findings,
    arg_max(example, places.bytes) AS example
FROM places
LEFT JOIN sources USING (source_id)
GROUP BY ALL
ORDER BY sum(places.bytes) DESC, places.service, place, level, stream;

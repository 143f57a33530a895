-- Lines of columns as JSON objects, by the names that the line in front gives them.
WITH headed AS (
    SELECT *,
        last_value(CASE WHEN regexp_matches(raw, '^#[Ff]ields:?\s') THEN raw END IGNORE NULLS) OVER lines_before AS named,
        last_value(nullif(regexp_extract(raw, '^#Date: *(\d{4}-\d\d-\d\d)', 1), '') IGNORE NULLS) OVER lines_before AS dated
    FROM lines
    WINDOW lines_before AS (ORDER BY pos)
),
cut AS (
    SELECT *,
        coalesce(named, $header, CASE WHEN contains(raw, chr(9)) THEN $cloudfront ELSE $iis END) AS header,
        string_split_regex(trim(regexp_replace(header, '^#[Ff]ields:?', ''), ' ' || chr(9)), '\s+') AS names,
        CASE WHEN contains(raw, chr(9)) THEN string_split(raw, chr(9))
            ELSE [trim(text, '"') FOR text IN regexp_extract_all(raw, '"[^"]*"|\S+')] END AS texts
    FROM headed
),
told AS (
    SELECT *,
        texts[list_position(names, 'date')] AS day,
        texts[list_position(names, 'time')] AS clock,
        texts[list_position(names, 'ts')] AS epoch,
        CASE WHEN coalesce(day, dated) || clock IS NOT NULL THEN ['date', 'time']
            WHEN epoch IS NOT NULL THEN ['ts'] WHEN clock IS NOT NULL THEN ['time'] ELSE [] END AS timed_by,
        [list_position(names, name) FOR name IN timed_by] AS timed,
        nullif(texts[list_position(names, 'cs-method')], '-') AS method,
        texts[coalesce(list_position(names, 'cs-uri-stem'), list_position(names, 'cs-uri'))] AS target,
        nullif(texts[list_position(names, 'cs-uri-query')], '-') AS query,
        [to_json(pair[1])::VARCHAR || ':'
            || CASE WHEN regexp_full_match(pair[2], '-?(0|[1-9]\d{0,14})') THEN pair[2] ELSE to_json(pair[2])::VARCHAR END
            FOR pair IN list_zip(names, texts, range(1, len(names) + 1))
            IF pair[1] IS NOT NULL AND pair[2] NOT IN ('', '-') AND NOT list_contains(timed, pair[3])] AS members
    FROM cut
)
SELECT pos, bytes, raw, NULL::VARCHAR AS reason, NOT starts_with(raw, '#') AND len(texts) > len(names) AS is_altered,
    CASE WHEN starts_with(raw, '#') OR len(texts) < 2 THEN json_object('msg', raw)::VARCHAR
        ELSE '{' || concat_ws(',',
            '"ts":' || to_json(coalesce(coalesce(day, dated) || 'T' || clock || 'Z', epoch, clock))::VARCHAR,
            '"msg":' || to_json(method || ' ' || coalesce(target, '-') || coalesce('?' || query, ''))::VARCHAR,
            nullif(array_to_string(members, ','), '')) || '}' END AS json
FROM told
-- What fills the disk: bytes by the line of code that logs; where a log does not tell it, by logger, else by file.
CREATE OR REPLACE MACRO log_bytes(span := NULL, since := NULL, until := NULL, of_service := NULL) AS TABLE
WITH lines AS (
    SELECT
        service, logger, module, function, line,
        CASE WHEN module IS NULL AND logger IS NULL THEN source_id END AS source_id,
        count(*) AS events,
        sum(bytes) AS bytes,
        arg_max(coalesce(template, message, event), bytes) AS example
    FROM events_since(span, since, until, of_service)
    GROUP BY ALL
),
named AS (
    SELECT
        lines.*,
        CASE WHEN module IS NOT NULL THEN concat_ws(':', module, function, line)
            ELSE coalesce(logger, parse_filename(sources.family)) END AS source
    FROM lines
    LEFT JOIN sources USING (source_id)
)
SELECT
    service,
    source,
    sum(bytes)::BIGINT AS bytes,
    sum(bytes) / nullif(sum(sum(bytes)) OVER (), 0) AS byte_share,
    sum(events)::BIGINT AS events,
    sum(bytes) / sum(events) AS mean_bytes,
    arg_max(example, bytes) AS example
FROM named
GROUP BY service, source
ORDER BY sum(bytes) DESC, service, source;

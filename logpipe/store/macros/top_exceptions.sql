-- Exceptions by type and by where they were raised: file and function of the last frame of a Python traceback.
CREATE OR REPLACE MACRO top_exceptions(span := NULL, since := NULL, until := NULL, of_service := NULL) AS TABLE
WITH raised AS (
    SELECT
        *,
        regexp_extract(
            exception_stacktrace, '(?s).*File "([^"]+)", line \d+, in (\S+)', ['file', 'function']
        ) AS frame
    FROM events_since(span, since, until, of_service)
    WHERE exception_type IS NOT NULL
)
SELECT
    exception_type,
    CASE WHEN frame.function <> '' THEN parse_filename(frame.file) || ':' || frame.function END AS raised_in,
    count(*) AS events,
    string_agg(DISTINCT service, ', ' ORDER BY service) AS services,
    count(DISTINCT user_id) AS users,
    min(ts) AS first_seen,
    max(ts) AS last_seen,
    arg_max(exception_message, ts) AS last_message
FROM raised
GROUP BY exception_type, raised_in
ORDER BY events DESC, last_seen DESC, exception_type, raised_in;

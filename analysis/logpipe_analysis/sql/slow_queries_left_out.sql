-- Where both a database and its clients logged a query, its executions stand in both logs: of the time that both tell
-- of, the log that has fewer of them is left out; of as many, the database's. A minute is added, since one may tell of
-- the beginning and the other of the end.
WITH shared AS (
    SELECT query, max(first_ts) - INTERVAL 1 MINUTE AS since, min(last_ts) + INTERVAL 1 MINUTE AS until
    FROM (SELECT query, of_database, min(ts) AS first_ts, max(ts) AS last_ts FROM calls GROUP BY query, of_database)
    GROUP BY query
    HAVING count(*) = 2
)
SELECT
    query,
    since,
    until,
    of_database,
    array_to_string(list_sort(list(DISTINCT service)), ', ') AS also_logged_by,
    count(*) AS also_logged,
    sum(duration_ms) AS also_logged_ms
FROM calls
JOIN shared USING (query)
WHERE ts BETWEEN since AND until
GROUP BY query, since, until, of_database
QUALIFY count(*) OVER (PARTITION BY query) = 2
    AND row_number() OVER (PARTITION BY query ORDER BY also_logged, of_database DESC) = 1

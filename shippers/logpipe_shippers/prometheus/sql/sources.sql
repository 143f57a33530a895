SELECT state, count(source_id)
FROM (VALUES ('active'), ('complete'), ('gone')) AS states (state)
FULL JOIN sources USING (state)
GROUP BY state
ORDER BY state

-- Which lines of code write the most log?
-- From the events, exact. Where a log does not tell the line of code, by its logger, else by its file.
FROM log_bytes(since := $since, until := $until, of_service := $service)
LIMIT $limit;

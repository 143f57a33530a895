-- Which services fail, and how often?
-- From the roll-ups, exact, in whole minutes. Errors are records of level ERROR and above; server errors have an HTTP status
-- of 500 and above.
FROM errors_by_service(since := $since, until := $until, of_service := $service)
LIMIT $limit;

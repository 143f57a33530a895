-- Which exceptions are raised most, where, and for how many users?
-- From the events, exact.
FROM top_exceptions(since := $since, until := $until, of_service := $service)
LIMIT $limit;

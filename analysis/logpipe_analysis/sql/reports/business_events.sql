-- What did users do, and how many of them?
-- From the events, exact.
FROM business_events(since := $since, until := $until, of_service := $service)
LIMIT $limit;

-- Which services and streams fill the store?
-- From the roll-ups, exact, in whole minutes.
FROM volume_by_stream(since := $since, until := $until, of_service := $service)
LIMIT $limit;

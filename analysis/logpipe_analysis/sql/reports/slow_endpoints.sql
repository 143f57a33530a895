-- Which endpoints cost the most time, and how often do they fail?
-- From the roll-ups: counts, sums and maxima exact, percentiles within 9.1 %.
FROM slow_endpoints(since := $since, until := $until, of_service := $service)
LIMIT $limit;

-- Which queries cost the most time?
-- From the histograms: counts, sums and maxima exact, percentiles within 9.1 %; the worst sample from the events.
FROM slow_queries(since := $since, until := $until, of_service := $service)
LIMIT $limit;

-- How long do operations take?
-- From the histograms: counts, sums and maxima exact, percentiles within 9.1 %. Over time: FROM latency_over_time(INTERVAL 1 HOUR).
FROM latency_by_operation(since := $since, until := $until, of_service := $service)
LIMIT $limit;

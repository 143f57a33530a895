-- Where a range of time begins and ends. `since` wins over `span`, which counts back from the newest event: the last day
-- of a log is its own last day, however old it is. Events dated later than now (a clock ran ahead) do not count as newest.
CREATE OR REPLACE MACRO newest_event() AS
    (SELECT max(minute) + INTERVAL 1 MINUTE FROM rollup_minute WHERE minute <= now());

CREATE OR REPLACE MACRO range_start(span, since) AS
    coalesce(since::TIMESTAMPTZ, newest_event() - span::INTERVAL, '-infinity'::TIMESTAMPTZ);

CREATE OR REPLACE MACRO range_end(until) AS
    coalesce(until::TIMESTAMPTZ, 'infinity'::TIMESTAMPTZ);

-- Events of a range: from its start, up to but without its end.
CREATE OR REPLACE MACRO events_since(span := NULL, since := NULL, until := NULL, of_service := NULL) AS TABLE
SELECT *
FROM events
WHERE ts >= range_start(span, since)
    AND ts < range_end(until)
    AND (of_service IS NULL OR service = of_service);

-- Counts per minute of a range. Roll-ups know whole minutes: the one in which the range starts belongs to it.
CREATE OR REPLACE MACRO rollup_since(span := NULL, since := NULL, until := NULL, of_service := NULL) AS TABLE
SELECT *
FROM rollup_minute
WHERE minute >= date_trunc('minute', range_start(span, since))
    AND minute < range_end(until)
    AND (of_service IS NULL OR service = of_service);

-- Latency histograms per minute of a range, by whole minutes as in rollup_since.
CREATE OR REPLACE MACRO latency_since(span := NULL, since := NULL, until := NULL, of_service := NULL) AS TABLE
SELECT *
FROM latency_minute
WHERE minute >= date_trunc('minute', range_start(span, since))
    AND minute < range_end(until)
    AND (of_service IS NULL OR service = of_service);

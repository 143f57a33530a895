-- The bounded names that roll-ups count by, and the buckets that latencies fall into.

-- A query without its values: literals become ?, lists of them (?+), white space single.
CREATE OR REPLACE MACRO query_fingerprint(statement) AS
    trim(regexp_replace(
        regexp_replace(
            regexp_replace(
                regexp_replace(
                    lower(regexp_replace(statement, '/\*.*?\*/|--[^\n]*', ' ', 'gs')),
                    '''(?:[^'']|'''')*''|\b0x[0-9a-f]+\b|\b\d+(?:\.\d+)?(?:e[+-]?\d+)?\b|\$\d+\b|%s\b|%\(\w+\)s|:\w+\b', '?', 'g'),
                '\s+', ' ', 'g'),
            '\(\s*\?(?:\s*,\s*\?)*\s*\)', '(?+)', 'g'),
        '\(\?\+\)(?:\s*,\s*\(\?\+\))+', '(?+)', 'g'), ' ;');

-- Bucket i of the exponential histogram holds durations in (2^(i/8), 2^((i+1)/8)] ms; zero is in -32768.
CREATE OR REPLACE MACRO latency_bucket(duration_ms) AS
    CASE WHEN duration_ms > 0 THEN (ceil(log2(greatest(duration_ms, 1e-6)) * 8) - 1)::SMALLINT ELSE (-32768)::SMALLINT END;

CREATE OR REPLACE MACRO latency_bucket_upper_ms(bucket) AS
    CASE WHEN bucket = -32768 THEN 0.0 ELSE pow(2.0, (bucket + 1) / 8.0) END;

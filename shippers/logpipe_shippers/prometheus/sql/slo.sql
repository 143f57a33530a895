CREATE OR REPLACE TEMP TABLE slo (
    number INTEGER, service VARCHAR, operation VARCHAR, route VARCHAR, latency_ms DOUBLE, last_bucket SMALLINT,
    since TIMESTAMPTZ
)

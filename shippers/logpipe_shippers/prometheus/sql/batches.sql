SELECT coalesce(sum(batches), 0) FROM telemetry

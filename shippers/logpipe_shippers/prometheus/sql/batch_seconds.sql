SELECT coalesce(sum(batch_s), 0) FROM telemetry

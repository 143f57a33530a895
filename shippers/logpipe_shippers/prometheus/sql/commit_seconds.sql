SELECT coalesce(sum(commit_s), 0) FROM telemetry

SELECT coalesce(sum(to_pos - from_pos), 0) FROM gaps

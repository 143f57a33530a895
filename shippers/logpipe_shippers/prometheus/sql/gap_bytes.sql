SELECT coalesce(sum(to_pos - from_pos), 0) FROM gaps WHERE reason NOT LIKE 'copy_of_source_%'

SELECT count(DISTINCT family) FROM export_sources WHERE label = 'other'

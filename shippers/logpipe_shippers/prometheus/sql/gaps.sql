SELECT count(*) FROM gaps

SELECT count(*) FROM gaps WHERE reason NOT LIKE 'copy_of_source_%'

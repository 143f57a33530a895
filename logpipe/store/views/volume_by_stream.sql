CREATE OR REPLACE VIEW volume_by_stream AS FROM volume_by_stream();

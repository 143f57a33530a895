CREATE OR REPLACE VIEW log_bytes AS FROM log_bytes();

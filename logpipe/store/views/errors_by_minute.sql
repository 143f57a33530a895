CREATE OR REPLACE VIEW errors_by_minute AS FROM errors_by_minute();

CREATE OR REPLACE VIEW errors_by_service AS FROM errors_by_service();

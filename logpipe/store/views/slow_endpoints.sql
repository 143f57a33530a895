CREATE OR REPLACE VIEW slow_endpoints AS FROM slow_endpoints();

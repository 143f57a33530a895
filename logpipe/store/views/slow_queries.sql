CREATE OR REPLACE VIEW slow_queries AS FROM slow_queries();

CREATE OR REPLACE VIEW latency_by_operation AS FROM latency_by_operation();

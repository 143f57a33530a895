CREATE OR REPLACE VIEW top_patterns AS FROM top_patterns();

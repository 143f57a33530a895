CREATE OR REPLACE VIEW top_exceptions AS FROM top_exceptions();

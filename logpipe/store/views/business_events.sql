CREATE OR REPLACE VIEW business_events AS FROM business_events();

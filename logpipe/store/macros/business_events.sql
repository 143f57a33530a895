CREATE OR REPLACE MACRO business_events(span := NULL, since := NULL, until := NULL, of_service := NULL) AS TABLE
SELECT
    event,
    service,
    count(*) AS events,
    count(DISTINCT user_id) AS users,
    min(ts) AS first_seen,
    max(ts) AS last_seen,
    arg_max(attributes, ts) AS last_attributes
FROM events_since(span, since, until, of_service)
WHERE stream = 'business'
GROUP BY event, service
ORDER BY events DESC, event, service;

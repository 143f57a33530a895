-- The routes of some requests, by the records that tell both.
SELECT DISTINCT unnest([request_id, trace_id]) AS request, http_route AS route
FROM events
WHERE http_route IS NOT NULL AND (list_contains($requests, request_id) OR list_contains($requests, trace_id))

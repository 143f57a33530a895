-- All events of a trace or a request, in order, whatever their service.
CREATE OR REPLACE MACRO trace(id) AS TABLE
SELECT *
FROM events
WHERE trace_id = id OR request_id = id
ORDER BY ts, source_id, source_pos;

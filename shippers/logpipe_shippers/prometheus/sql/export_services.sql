-- The label of each service. The first ones keep their names, by when they came into the store and not by their counts: a
-- service that moved into or out of `other` would make its counter fall, which reads as a restart.
CREATE OR REPLACE TEMP TABLE export_services AS
SELECT service, named, if(named, label_value(service), 'other') AS label
FROM (
    SELECT service, row_number() OVER (ORDER BY min(first_row)) <= $services AS named
    FROM export_counts
    GROUP BY service
)

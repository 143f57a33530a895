-- The label of each operation. The first ones of a service keep their names, for the reason given in export_services; where
-- the service has lost its own, they have none either, or the series of all of these would be without a bound.
CREATE OR REPLACE TEMP TABLE export_operations AS
SELECT
    service, operation_kind, operation,
    CASE
        WHEN named AND row_number() OVER (PARTITION BY service, operation_kind ORDER BY operations.rowid) <= $operations
            THEN label_value(operation)
        ELSE 'other'
    END AS label
FROM operations
LEFT JOIN export_services USING (service)

-- The label of each operation. The first ones of a service keep their names, for the reason given in export_services.
CREATE OR REPLACE TEMP TABLE export_operations AS
SELECT
    service, operation_kind, operation,
    CASE
        WHEN row_number() OVER (PARTITION BY service, operation_kind ORDER BY rowid) > $operations THEN 'other'
        ELSE label_value(operation)
    END AS label
FROM operations

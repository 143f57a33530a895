-- Text as a label value: no control characters (a NUL ends the exposition for Prometheus), at most 200 characters;
-- what is longer keeps its beginning and a hash, so that two series never become one.
CREATE OR REPLACE TEMP MACRO label_value(original) AS
    regexp_replace(
        CASE WHEN length(original) > 200 THEN original[:191] || '…' || md5(original)[:8] ELSE original END,
        '[[:cntrl:]]', '�', 'g');

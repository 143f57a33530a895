-- Whether the owner runs a statement that a client sent. Through the second server, which `writer` names, everything; the
-- database is sealed against the file system and its settings are locked all the same. Else what cannot change anything
-- that outlives the session: a transaction, and SELECT, also behind EXPLAIN or for a variable or something temporary, with
-- none of the functions that are `withheld`. What DuckDB cannot write as JSON is no SELECT.
CREATE OR REPLACE MACRO {catalog}.authorized(session, statement) AS (
    EXISTS (SELECT 1 FROM quack_active_connections() WHERE connection_id = session AND server_id = {writer})
    OR regexp_full_match(
        statement, '\s*(begin(\s+transaction)?(\s+read\s+only)?|commit|rollback)\s*;?\s*(--[^\n]*)?', 'i')
    OR (
        SELECT coalesce((parsed ->> 'error') = 'false', false)
            AND NOT list_has_any(
                list_transform(
                    regexp_extract_all(parsed::VARCHAR, '"function_name":"([^"]*)"', 1), lambda name: lower(name)),
                {withheld})
        FROM (
            SELECT json_serialize_sql(
                regexp_replace(
                    regexp_replace(
                        regexp_replace(statement, '^(\s|--[^\n]*\n)+', ''),
                        '^(explain(\s+analyze)?|create\s+(or\s+replace\s+)?temp(orary)?\s+(table|view)\s+\w+\s+as)\s',
                        '', 'i'),
                    '^(set\s+variable\s+\w+\s*=|create\s+(or\s+replace\s+)?temp(orary)?\s+macro\s+\w+\([\w\s,]*\)\s+as\s)',
                    'SELECT ', 'i')) AS parsed
        )
    )
)

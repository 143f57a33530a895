-- The bounded names that roll-ups count by, and the buckets that latencies fall into.

-- What query_fingerprint marks, by dialect. One pass reads as a lexer does: comments get a mark between their ends, names
-- one behind them, and of values it is all that is left.
CREATE OR REPLACE MACRO query_marked(statement, system) AS
    CASE
        WHEN system IN ('mysql', 'mariadb') OR (system IS NULL AND contains(statement, '`'))
            THEN regexp_replace(
                statement,
                '(?s)(/\*).*?(?:(\*/)|\z)|(--)(?:[^0-9.(''"@+\n][^\n]*|\n|\z)|(#)[^\n]*|(`[^`]*(?:`|\z)|::)'
                || '|(?:\b[xXbBnN])?''(?:[^''\\]|\\.|'''')*(?:''|\z)|"(?:[^"\\]|\\.|"")*(?:"|\z)'
                || '|\$\d+|%s\b|%\(\w+\)s|:\w+|\b0[xX][0-9a-fA-F]+|\b\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\d+',
                '\1\3\4\5?\2',
                'g')
        WHEN system IS NULL
            THEN regexp_replace(
                statement,
                '(?s)(/\*).*?(?:(\*/)|\z)|(--)[^\n]*|("[^"]*(?:"|\z)|::)|(?:\b[xXbBnNeE])?''(?:[^''\\]|\\.|'''')*(?:''|\z)'
                || '|\$\d+|%s\b|%\(\w+\)s|:\w+|\b0[xX][0-9a-fA-F]+|\b\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\d+',
                '\1\3\4?\2',
                'g')
        ELSE regexp_replace(
            statement,
            '(?s)(/\*).*?(?:(\*/)|\z)|(--)[^\n]*|("[^"]*(?:"|\z)|`[^`]*(?:`|\z)|::)'
            || '|\b[eE]''(?:[^''\\]|\\.|'''')*(?:''|\z)|(?:\b[xXbBnN])?''(?:[^'']|'''')*(?:''|\z)'
            || '|\$\d+|%s\b|%\(\w+\)s|:\w+|\b0[xX][0-9a-fA-F]+|\b\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\d+',
            '\1\3\4?\2',
            'g')
    END;

-- A query without its comments and values, where `system` is the record's db_system. Statements of one fingerprint are
-- the same query; that a query may have several is for the analysis to mend, see docs/sql.md. Statements with a comment
-- or a quote whose end no regular expression finds, or with a comment that says something, stay as they are.
CREATE OR REPLACE MACRO query_fingerprint(statement, system := NULL) AS
    CASE
        WHEN starts_with(statement, 'administrator command: ') THEN statement
        WHEN (contains(statement, '/*') OR contains(statement, '$')) AND regexp_matches(
            statement, '/\*!|/\*\w+\.\w+:\d+/\d+\*/|/\*(?:[^*]|\*[^/])*/\*|\$(?:[A-Za-z_]\w*)?\$')
            THEN trim(statement, ' ;')
        ELSE trim(regexp_replace(
            list_transform( -- so that it is marked once
                [lower(query_marked(statement, system))],
                lambda marked: CASE
                    WHEN regexp_matches(marked, '[*#`":-]\?|\s\s|[\t-\r]')
                        THEN regexp_replace(
                            regexp_replace(
                                regexp_replace(marked, '/\*\?\*/|--\?|#\?', ' ', 'g'), '([`"]|::)\?', '\1', 'g'),
                            '\s\s+|[\t-\r]', ' ', 'g')
                    ELSE marked
                END)[1],
            '\b(in)\s*\(\s*[-+]?\?\s*(?:,\s*[-+]?\?\s*)*\)|\b(values?)\s*\(\s*[-+]?\?\s*(?:,\s*[-+]?\?\s*)*\)(?:\s*,\s*\(\s*[-+]?\?\s*(?:,\s*[-+]?\?\s*)*\))*',
            '\1\2(?+)',
            'g'), ' ;')
    END;

-- Bucket i of the exponential histogram holds durations in (2^(i/8), 2^((i+1)/8)] ms; zero is in -32768.
CREATE OR REPLACE MACRO latency_bucket(duration_ms) AS
    CASE WHEN duration_ms > 0 THEN (ceil(log2(greatest(duration_ms, 1e-6)) * 8) - 1)::SMALLINT ELSE (-32768)::SMALLINT END;

CREATE OR REPLACE MACRO latency_bucket_upper_ms(bucket) AS
    CASE WHEN bucket = -32768 THEN 0.0 ELSE pow(2.0, (bucket + 1) / 8.0) END;

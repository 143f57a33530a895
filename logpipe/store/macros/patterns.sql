-- A message whose values are masked. In this order: dates and times; addresses of the web and of mail; a host or a place in
-- code with its number; addresses with colons (IPv6, MAC); a quantity with its unit; every word with a digit; paths.
-- Each needs a digit, a colon, a slash or an @, and a message with none of these is not searched, which is much faster.
-- All digits are alike: `kinds.py` masks messages with other digits, and no more than 2,000 characters of them.
CREATE OR REPLACE MACRO message_masked(message) AS CASE
    WHEN NOT regexp_matches(message, '[/0-9:@]') THEN left(message, 2000)
    ELSE regexp_replace(CASE WHEN strlen(message) <= 2000 THEN message ELSE left(message, 2000) END,
        '(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? +)?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* +\d{1,2},? +(?:\d{1,2}:\d\d(?::\d\d)?(?: +[A-Z]{3,4})?(?: +\d{4})?|\d{4}(?: +\d{1,2}:\d\d:\d\d)?)'
        || '|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?'
        || '|\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s"''<>,;)\]}]+|\b[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+\b'
        || '|\b[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+:\d{2,5}\b|\b[A-Za-z][\w$-]*(?:\.[\w$-]+){2,}:\d+\b'
        || '|\b[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{0,4}){3,7}\b'
        || '|[+<~-]?\b\d[\d.,:]*(?: ?(?:[kKMGTP]i?[Bb]|[Bb]ytes?|B|[mnuµ]?s|secs?|seconds?|mins?|minutes?|hours?|days?|[mM]illis(?:econds?)?|msecs?|usecs?|[kMG]?[hH]z|%|percent|pages?)\b)'
        || '|[+-]?[\w.$@%#/\\~-]*\d[\w.$@%#/\\~+-]*(?::[\w.$@%#/\\~+-]*\d[\w.$@%#/\\~+-]*)*'
        || '|(?:/[\w.@%+~$*-]+){2,}/?|[A-Z]:\\[^\s"''<>,;)\]}]+',
        '<*>', 'g')
    END;

-- A masked message as a template: a path's query, a value's own brackets and the name of a user are values, too; a list of
-- values is one value, and so is a quantity that is told again in brackets in another unit.
CREATE OR REPLACE MACRO masked_template(masked) AS
    trim(regexp_replace(
        regexp_replace(
            regexp_replace(
                regexp_replace(
                    regexp_replace(
                        regexp_replace(
                            regexp_replace(masked, '(^|\s)\(\)', '\1(<*>)', 'g'),
                            '<\*>\?[\w%][^\s"''<>]*(?:<\*>[^\s"''<>]*)*', '<*>', 'g'),
                        '=\w*(?:\{<\*>\}|\[<\*>\]|\(<\*>\))', '=<*>', 'g'),
                    '\b((?:password for|for|by|of|as)(?: invalid| illegal| unknown)? user|(?:invalid|illegal|unknown) user|password for|logged in as) [\w.\\-]+', '\1 <*>', 'g'),
                '<\*>(?:[\s,;:/|-]*<\*>)+', '<*>', 'g'),
            '<\*> \(<\*>\)', '<*>', 'g'),
        '\s+', ' ', 'g'));

-- A message without what varies.
CREATE OR REPLACE MACRO message_template(message) AS masked_template(message_masked(message));

-- What an event is counted by where it says so itself: the operation of an access log's line, the template that the message
-- was made of, or, where there is no message, an exception's type, an event's name, a stream. NULL: the message tells.
CREATE OR REPLACE MACRO stated_template(stream, http_method, http_route, template, message, exception_type, event) AS
    CASE
        WHEN stream = 'access' THEN concat_ws(' ', http_method, coalesce(http_route, '*'))
        WHEN template <> '' AND template IS DISTINCT FROM message
            THEN CASE WHEN exception_type IS NULL THEN template ELSE concat_ws(': ', exception_type, template) END
        WHEN coalesce(message, '') = ''
            THEN coalesce(nullif(template, ''), exception_type, nullif(event, ''), nullif(stream, ''), 'no text')
    END;

-- The pattern that any event is counted by, before patterns are merged, and its id. This, and
-- `pattern_of` where patterns are counted, is what a pattern is: whatever names those of events goes by them.
CREATE OR REPLACE MACRO event_template(stream, http_method, http_route, template, message, exception_type, event) AS
    left(coalesce(
        stated_template(stream, http_method, http_route, template, message, exception_type, event),
        concat_ws(': ', exception_type, message_template(message))), 500);

CREATE OR REPLACE MACRO pattern_id_of(template) AS md5(template)[:12];

-- Under which a pattern is counted that is one too many: the first two words, and past another number of them `<*>`.
CREATE OR REPLACE MACRO coarse_template(template) AS concat_ws(' ', nullif(regexp_extract(template, '^\S+(?:\s+\S+)?'), '<*>'), '<*>');

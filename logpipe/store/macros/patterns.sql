-- A message without what varies: quoted text, addresses, identifiers, paths, numbers become <*>.
CREATE OR REPLACE MACRO message_template(message) AS
    trim(regexp_replace(
        regexp_replace(
            regexp_replace(
                left(message, 2000),
                '"(?:[^"\\]|\\.){0,300}"|(?:^|\B)''[^'']{0,300}''|\b[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+\b|\b[a-z][a-z0-9+.-]{1,20}://\S+|\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b|(?:^|[\s=(\[:,])(?:/[\w.@%+~-]+){2,}/?',
                ' <*> ', 'g'),
            '\b(?:0x)?[0-9a-fA-F]*[0-9][0-9a-zA-Z]*(?:[.:,/_-]+[0-9a-fA-F]+)*\w*\b|\b[a-zA-Z_]+[0-9][\w.-]*|\b[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}\b|[+-]?\d[\d.,:]*',
            '<*>', 'g'),
        '\s+', ' ', 'g'));

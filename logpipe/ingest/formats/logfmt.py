"""logfmt, `key=value` pairs with Go's quoting: made into JSON objects in SQL, then typed as these are.

https://pkg.go.dev/github.com/go-logfmt/logfmt
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import duckdb

from logpipe.ingest.formats.base import Context
from logpipe.ingest.formats.generic_json import COLUMN_SPELLINGS
from logpipe.ingest.formats.json_format import candidates
from logpipe.ingest.formats.json_select import select_sql

PAIR: Final = r'([A-Za-z_@][\w.@/-]*)=("(?:[^"\\]|\\.)*"|[^\s"]*(?:\t[^\s"=]+)+(?: |$)|[^\s"]*)'
"""A tab may be part of a value without quotes, as structlog writes it; then a blank or the end of the line follows."""

TELLING_KEYS: Final = {"level", "lvl", "severity", "msg", "message", "body", "ts", "t", "time", "timestamp", "event"}
"""Keys of which a line of a log has one; else any line with two equals signs would do."""

_NUMBER: Final = r"-?\d{1,15}(?:\.\d{1,15})?"

_VALUE: Final = (
    f"CASE WHEN regexp_full_match(v, '{_NUMBER}|true|false|\"(?s:.*)\"') AND json_valid(v) THEN v"
    " ELSE to_json(trim(rtrim(v, ' '), '\"'))::VARCHAR END"
)

_LONGEST: Final = 50_000
"""Longer JSON may nest deeper than a parser's stack bears."""

_OBJECTS: Final = f"""
    SELECT pos, bytes, raw, NULL::VARCHAR AS reason, object IS NULL AND len(keys) > 0 AND has_more AS is_altered,
        CASE WHEN object IS NOT NULL THEN object
            WHEN len(keys) = 0 THEN json_object('msg', raw)::VARCHAR
            ELSE '{{' || array_to_string(list_transform(list_zip(keys, texts), lambda pair:
                to_json(pair[1])::VARCHAR || ':' || pair[2]), ',') || '}}' END AS json
    FROM (
        SELECT pos, bytes, raw,
            CASE WHEN starts_with(raw, '{{') AND length(raw) < {_LONGEST} AND json_valid(raw) THEN raw END AS object,
            regexp_extract_all(raw, '{PAIR}', 1) AS keys,
            list_transform(regexp_extract_all(raw, '{PAIR}', 2), lambda v: {_VALUE}) AS texts,
            trim(regexp_replace(raw, '{PAIR}', '', 'g')) <> '' AS has_more
        FROM lines)"""
"""A line without pairs is its own message; words between the pairs make the object say less than the line.

Some programs write JSON between, such as Grafana after a change of its configuration.
"""


@dataclass(frozen=True, slots=True)
class LogfmtFormat:
    """Lines of `key=value` pairs."""

    name: str = "logfmt"
    title: str = "logfmt, key=value pairs, also with JSON between"
    scan: None = None

    def claims(self, lines: Sequence[str]) -> float:
        """See `Format`."""
        pairs = sum(map(_is_logfmt, lines))
        return (
            (pairs + sum(line.startswith("{") and line.endswith("}") for line in lines)) / len(lines) if pairs else 0.0
        )

    def continues(self, _line: str, _before: str, /) -> str | None:
        """See `Format`."""
        return None

    def select(self, connection: duckdb.DuckDBPyConnection, context: Context) -> str:
        """See `Format`."""
        columns = {
            **COLUMN_SPELLINGS,
            "message": (*COLUMN_SPELLINGS["message"], *candidates("event")),
            "event": candidates("event_name", "event.name"),
        }
        return select_sql(connection, context, columns, {}, _OBJECTS)


_PAIR: Final = re.compile(rf"(?<![\w@./-]){PAIR}", re.ASCII)
"""A search from within a word would begin anew at each of its bytes."""


def _is_logfmt(line: str) -> bool:
    if not _PAIR.match(line):
        return False
    keys = {match[1].lower() for match in _PAIR.finditer(line)}
    return len(keys) >= 2 and bool(keys & TELLING_KEYS)


LOGFMT = LogfmtFormat()

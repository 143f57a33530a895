"""The record as the emitter writes it: one flat JSON object a line, with the keys of `logpipe.record`.

The fast SELECT reads the keys that a sample shows, each with its type, and takes a row only when these are all its
keys: the number of keys equals the number of typed values that came out. A key that the sample did not show, a value of
another type, a duplicate key or a malformed line makes the numbers differ, and the row goes through the full SELECT.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import duckdb
import orjson

from logpipe.ingest.formats.base import Context, text_literal
from logpipe.record import FIELDS, KEYS

_IDENTIFYING = frozenset(("timestamp", "message", "level", "service", "stream"))
_MOST_EXTRA_KEYS = 64


class LogpipeJsonl:
    """logpipe's own JSON lines."""

    name = "logpipe"
    title = "logpipe's own JSON lines"
    start = None

    def claims(self, lines: Sequence[str]) -> float:
        return sum(map(_is_ours, lines)) / len(lines) if lines else 0.0

    def fast_select(self, sample: Sequence[str]) -> str | None:
        keys = _keys(sample)
        extra = _apart([key for key in keys if key not in KEYS])
        if not keys or len(extra) > _MOST_EXTRA_KEYS:
            return None
        typed = {field.key: field.sql_type for field in FIELDS if field.key in keys}
        members = {**typed, **dict.fromkeys(extra, "JSON")}
        columns = [
            f"{_member(field.key)} AS {field.column}"
            if field.key in typed
            else f"NULL::{field.sql_type} AS {field.column}"
            for field in FIELDS
        ]
        present = " + ".join(f"({_member(key)} IS NOT NULL)::INT" for key in members)
        return f"""
            SELECT {", ".join(columns)}, {_object(extra)} AS attributes, pos, bytes, NULL AS reason
            FROM (
                SELECT pos, bytes, len(json_keys(raw)) AS keys, json_transform(raw, {_structure(members)}) AS record
                FROM (SELECT pos, bytes, CASE WHEN json_valid(raw) THEN raw END AS raw FROM lines)
            )
            WHERE keys = {present}
        """

    def select(self, _connection: duckdb.DuckDBPyConnection, _context: Context) -> str:
        members = {field.key: field.sql_type for field in FIELDS}
        columns = ", ".join(f"{_member(field.key)} AS {field.column}" for field in FIELDS)
        # What became a column is taken out of the object; what stays, of whatever type, is kept as it stands.
        taken = ", ".join(
            f"""CASE WHEN {_member(key)} IS NOT NULL THEN {text_literal(f'"{key}":null')} END""" for key in members
        )
        return f"""
            SELECT {columns},
                CASE
                    WHEN keys > distinct_keys THEN json_object('duplicate_keys', raw)
                    ELSE nullif(json_merge_patch(raw, '{{' || concat_ws(',', {taken}) || '}}'), '{{}}')
                END::JSON AS attributes,
                pos, bytes, reason
            FROM (
                SELECT *, json_transform(raw, {_structure(members)}) AS record,
                    len(json_keys(raw)) AS keys, len(list_distinct(json_keys(raw))) AS distinct_keys
                FROM (
                    SELECT pos, bytes, CASE WHEN reason IS NULL THEN raw END AS raw, reason
                    FROM (
                        SELECT *, CASE
                            WHEN NOT json_valid(raw) THEN 'malformed_json'
                            WHEN json_type(CASE WHEN json_valid(raw) THEN raw END) <> 'OBJECT' THEN 'not_an_object'
                        END AS reason
                        FROM lines
                    )
                )
            )
        """


def _is_ours(line: str) -> bool:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(record, dict) and record.keys() >= _IDENTIFYING


def _keys(sample: Iterable[str]) -> list[str]:
    """The keys of the sampled objects, each once, in the order of their first showing."""
    keys: dict[str, None] = {}
    for line in sample:
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(record, dict):
            keys.update(dict.fromkeys(record))
    return list(keys)


def _apart(keys: Sequence[str]) -> list[str]:
    """The keys that no other key equals but for case: DuckDB's structures do not tell these apart."""
    folded = Counter(key.lower() for key in (*KEYS, *keys))
    return [key for key in keys if folded[key.lower()] == 1]


def _identifier(key: str) -> str:
    return '"' + key.replace('"', '""') + '"'


def _member(key: str) -> str:
    return f"record.{_identifier(key)}"


def _structure(members: dict[str, str]) -> str:
    return text_literal(orjson.dumps(members).decode())


def _object(keys: Sequence[str]) -> str:
    """SQL for the object of these members, each JSON text as it stood in the line."""
    if not keys:
        return "NULL::JSON"
    parts = ", ".join(f"{text_literal(orjson.dumps(key).decode() + ':')} || {_member(key)}" for key in keys)
    return f"nullif('{{' || concat_ws(',', {parts}) || '}}', '{{}}')::JSON"


LOGPIPE_JSONL = LogpipeJsonl()

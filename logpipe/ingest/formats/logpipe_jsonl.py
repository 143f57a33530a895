"""The record as the emitter writes it: one flat JSON object a line, with the keys of `logpipe.record`.

The fast SELECT reads the keys that a sample shows, each with its type, and takes a row only when these are all its
keys: the number of keys equals the number of typed values that came out. A key that the sample did not show, a value of
another type, a duplicate key or a malformed line makes the numbers differ, and the row goes through the full SELECT.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import orjson

from logpipe.ingest.formats.base import FastSelect, text_literal
from logpipe.ingest.formats.json_format import JsonFormat, candidates
from logpipe.record import FIELDS, KEYS, SEVERITY_BY_LEVEL, STREAMS

_MOST_EXTRA_KEYS = 64
_TIMESTAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
_PYTHON_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "VARCHAR": (str, int),
    "TIMESTAMPTZ": str,
    "DOUBLE": (int, float),
}


class LogpipeJsonl(JsonFormat):
    """logpipe's own JSON lines."""

    def fast_select(self, sample: Sequence[str], /, *, checked: bool) -> FastSelect | None:
        """See `Format`; none where the sample has values of other types than the record's, or very many keys."""
        objects = _objects(sample)
        keys = dict.fromkeys(key for record in objects for key in record)
        extra = _apart([key for key in keys if key not in KEYS])
        typed = {field.key: field.sql_type for field in FIELDS if field.key in keys}
        if not typed.keys() >= {"timestamp", "level"} or len(extra) > _MOST_EXTRA_KEYS:
            return None
        if not all(_fits(record.get(key), sql_type) for record in objects for key, sql_type in typed.items()):
            return None
        # As text, so that a time of more digits than a microsecond's is left to the full SELECT.
        members = {**typed, "timestamp": "VARCHAR", **dict.fromkeys(extra, "JSON")}
        raw = "CASE WHEN json_valid(raw) THEN raw END" if checked else "raw"
        present = [field for field in FIELDS if field.key in typed]
        sql = f"""
            SELECT {", ".join(_column(field.key, field.column) for field in present)},
                {_object(extra)} AS attributes, pos, bytes
            FROM (
                SELECT pos, bytes, len(json_keys(raw)) AS keys, json_transform(raw, {_structure(members)}) AS record
                FROM (SELECT pos, bytes, {raw} AS raw FROM lines)
            )
            WHERE CASE WHEN {" + ".join(f"({_member(key)} IS NOT NULL)::INT" for key in members)} = keys
                THEN {" AND ".join(_conditions(typed))} END
        """
        return FastSelect(tuple(field.column for field in present), sql)


def _is_record(line: Mapping[str, object]) -> bool:
    return line.get("stream") in STREAMS and "timestamp" in line and "level" in line


def _objects(sample: Sequence[str]) -> list[dict[str, object]]:
    objects = []
    for line in sample:
        try:
            parsed = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(parsed, dict):
            objects.append(parsed)
    return objects


def _fits(value: object, sql_type: str) -> bool:
    wanted = _PYTHON_TYPES.get(sql_type, (int,))
    return value is None or (isinstance(value, wanted) and not isinstance(value, bool))


def _apart(keys: Sequence[str]) -> list[str]:
    """The keys that no other key equals but for case: DuckDB's structures do not tell these apart."""
    folded = Counter(key.lower() for key in (*KEYS, *keys))
    return [key for key in keys if key and "\0" not in key and folded[key.lower()] == 1]


def _conditions(typed: Mapping[str, str]) -> list[str]:
    """What else a row must be for the full SELECT to say the same of it."""
    in_levels = ", ".join(map(text_literal, SEVERITY_BY_LEVEL))
    conditions = [
        rf"regexp_full_match(record.timestamp, '{_TIMESTAMP}')",
        f"record.level IN ({in_levels})",
    ]
    if "stream" in typed:
        conditions.append(f"record.stream IN ({', '.join(map(text_literal, STREAMS))})")
    conditions += [f"isfinite({_member(key)}) IS NOT FALSE" for key, kind in typed.items() if kind == "DOUBLE"]
    # An object or a list where a text belongs would be taken as its JSON text.
    return conditions + [
        f"ascii(coalesce({_member(key)}, '')) NOT IN (123, 91)"
        for key, sql_type in typed.items()
        if sql_type == "VARCHAR"
    ]


def _column(key: str, column: str) -> str:
    if key == "timestamp":
        return f"TRY_CAST(record.timestamp AS TIMESTAMPTZ) AS {column}"
    return f"{_member(key)} AS {column}"


def _member(key: str) -> str:
    return 'record."' + key.replace('"', '""') + '"'


def _structure(members: Mapping[str, str]) -> str:
    return text_literal(orjson.dumps(members).decode())


def _object(keys: Sequence[str]) -> str:
    """SQL for the object of these members, each JSON text as it stood in the line."""
    if not keys:
        return "NULL::JSON"
    parts = ", ".join(f"{text_literal(orjson.dumps(key).decode() + ':')} || {_member(key)}" for key in keys)
    return f"nullif('{{' || concat_ws(',', {parts}) || '}}', '{{}}')::JSON"


LOGPIPE_JSONL = LogpipeJsonl(
    name="logpipe",
    title="logpipe's own JSON lines",
    columns={field.column: candidates(field.key) for field in FIELDS},
    marks=_is_record,
)

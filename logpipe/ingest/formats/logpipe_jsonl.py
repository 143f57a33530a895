"""The record as the emitter writes it: one flat JSON object a line, with the keys of `logpipe.record`.

The fast SELECT reads the keys that a sample shows, each with its type, and takes a row only when these are all its
keys: the number of keys equals the number of typed values that came out. A key that the sample did not show, a value of
another type, a duplicate key or a malformed line makes the numbers differ, and the row goes through the full SELECT.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import orjson

from logpipe.ingest.formats.base import FastSelect, text_literal
from logpipe.ingest.formats.json_format import JsonFormat, candidates
from logpipe.record import FIELDS, KEYS, SEVERITY_BY_LEVEL, STREAMS

_MOST_EXTRA_KEYS = 64
_TIMESTAMP = "____-__-__T__:__:__.______Z"
_READ_AS = {
    "VARCHAR": "VARCHAR",
    "TIMESTAMPTZ": "VARCHAR",  # so that a time of more digits than a microsecond's can be left to the full SELECT
    "DOUBLE": "DOUBLE",
    **dict.fromkeys(("USMALLINT", "INTEGER", "UBIGINT"), "DOUBLE"),  # for DuckDB would round 3.5 to a whole number
}
_WHOLE_NUMBERS = {"USMALLINT": (0, 2**16 - 1), "INTEGER": (-(2**31), 2**31 - 1), "UBIGINT": (0, 2**53 - 1)}
"""What of them a DOUBLE holds exactly."""
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
        keys = [key for key, _ in Counter(key for record in objects for key in record).most_common()]
        extra = _apart([key for key in keys if key not in KEYS])
        typed = {field.key: field.sql_type for field in FIELDS if field.key in keys}
        if not typed.keys() >= {"timestamp", "level"} or len(extra) > _MOST_EXTRA_KEYS:
            return None
        if not all(_fits(record.get(key), sql_type) for record in objects for key, sql_type in typed.items()):
            return None
        members = {key: _READ_AS[sql_type] for key, sql_type in typed.items()} | dict.fromkeys(extra, "JSON")
        raw = "CASE WHEN json_valid(raw) THEN raw END" if checked else "raw"
        present = [field for field in FIELDS if field.key in typed]
        sql = f"""
            SELECT {", ".join(_column(field.key, field.column, field.sql_type) for field in present)},
                {_object(extra)} AS attributes, pos, bytes
            FROM (
                SELECT raw, pos, bytes, len(json_keys(raw)) AS keys,
                    json_transform(raw, {_structure(members)}) AS record
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


def _conditions(typed: Mapping[str, str]) -> Iterator[str]:
    """What else a row must be for the full SELECT to say the same of it."""
    yield f"record.timestamp LIKE '{_TIMESTAMP}'"
    yield _is_one_of("level", SEVERITY_BY_LEVEL)
    if "stream" in typed:
        yield _is_one_of("stream", STREAMS)
    suspects = []
    for key, sql_type in typed.items():
        member = _member(key)
        if sql_type == "DOUBLE":
            yield f"isfinite({member}) IS NOT FALSE"
        if sql_type in _WHOLE_NUMBERS:
            lowest, highest = _WHOLE_NUMBERS[sql_type]
            yield f"(trunc({member}) = {member} AND {member} BETWEEN {lowest} AND {highest}) IS NOT FALSE"
        if key.startswith("exception_"):
            yield f"TRY_CAST({member} AS DOUBLE) IS NULL"  # a number is none
        if _READ_AS[sql_type] == "DOUBLE":
            suspects.append(f"{member} IN (0, 1)")
        elif key not in ("timestamp", "level", "stream"):  # the letters [ and { differ in one bit
            suspects.append(f"ascii({member}) & {~32 & 127} = {ord('[')} OR {member} IN ('true', 'false')")
    # What looks like a list, an object or a boolean may be one, and not a text or a number.
    if suspects:
        yield rf"CASE WHEN {' OR '.join(suspects)} THEN NOT regexp_matches(raw, ':\s*[\[{{tf]') ELSE true END"


def _is_one_of(key: str, values: Iterable[str]) -> str:
    """Cheaper than IN, of which DuckDB makes a join."""
    return f"CASE {_member(key)} {' '.join(f'WHEN {text_literal(value)} THEN true' for value in values)} END"


def _column(key: str, column: str, sql_type: str) -> str:
    if key == "timestamp":
        return f"TRY_CAST(record.timestamp AS TIMESTAMPTZ) AS {column}"
    return f"{_member(key)}::{sql_type} AS {column}"


def _member(key: str) -> str:
    return 'record."' + key.replace('"', '""') + '"'


def _structure(members: Mapping[str, str]) -> str:
    return text_literal(orjson.dumps(members).decode())


def _object(keys: Sequence[str]) -> str:
    """SQL for the object of these members, each JSON text as it stood in the line; the first is the most common."""
    if not keys:
        return "NULL::VARCHAR"
    named = [(text_literal(orjson.dumps(key).decode() + ":"), _member(key)) for key in keys]
    (name, first), *others = named
    behind = "".join(f", ',' || {name} || {member}" for name, member in others)
    any_of_them = ", ".join(f"{name} || {member}" for name, member in named)
    return f"""CASE WHEN {first} IS NOT NULL THEN concat('{{', {name}, {first}{behind}, '}}')
        ELSE nullif(concat('{{', concat_ws(',', {any_of_them}), '}}'), '{{}}') END"""


LOGPIPE_JSONL = LogpipeJsonl(
    name="logpipe",
    title="logpipe's own JSON lines",
    columns={field.column: candidates(field.key) for field in FIELDS},
    marks=_is_record,
)

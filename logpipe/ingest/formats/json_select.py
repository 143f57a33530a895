"""The SELECT that types lines of JSON objects.

It is made for the keys that the lines in hand really have, so that a hundred candidate spellings cost nothing. What is
taken into a column leaves the attributes; what is not taken stays there under its own key: unknown keys, nulls, values
that do not fit their column, and texts that say more than the column holds (`NOTICE`, nanoseconds).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import duckdb

from logpipe.ingest.formats.base import SQL_TYPES, Context, text_literal
from logpipe.ingest.formats.inferred import ATTRIBUTE, inferred_sql
from logpipe.ingest.formats.levels import level_is_exact_sql, level_sql
from logpipe.ingest.formats.times import TimeSql, instant_sql, is_microseconds_sql
from logpipe.ingest.formats.traceback import exception_message_sql, exception_type_sql
from logpipe.record import COLUMNS, STREAMS

MALFORMED: Final = "malformed_json"
NOT_AN_OBJECT: Final = "not_an_object"

_NO_PATH: Final = "'$[0]'"

_SOUND: Final = r"(\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
_LONE_SURROGATE: Final = rf"{_SOUND}|\\u[dD][89a-fA-F][0-9a-fA-F]{{2}}"
"""Half of a pair of UTF-16, as Python writes undecodable bytes; DuckDB calls the line malformed. Group 1 is sound."""

_MARKED: Final = f"regexp_replace(raw, '{_LONE_SURROGATE}', '\\1' || chr(1), 'g')"
_REPLACED: Final = f"replace(regexp_replace({_MARKED}, '{_SOUND}' || chr(1), '\\1', 'g'), chr(1), '\\ufffd')"
"""The line with U+FFFD for each such half. The mark is a character that no valid line has."""

OBJECTS: Final = f"""
    SELECT pos, bytes, raw, mended <> raw AS is_altered,
        CASE WHEN valid AND starts_with(ltrim(mended, ' ' || chr(9) || chr(10) || chr(13)), '{{')
            THEN mended END AS json,
        CASE WHEN NOT valid THEN '{MALFORMED}' WHEN json IS NULL THEN '{NOT_AN_OBJECT}' END AS reason
    FROM (
        SELECT *, json_valid(mended) AS valid
        FROM (
            SELECT *,
                CASE WHEN (contains(raw, '\\ud') OR contains(raw, '\\uD')) AND NOT json_valid(raw)
                    AND NOT contains(raw, chr(1)) THEN {_REPLACED} ELSE raw END AS mended
            FROM lines))"""
"""The relation that is typed. `json` is the text of an object, or NULL with a reason: no other string may reach a JSON
function, for it would raise. `is_altered`: the object says less than the line, which is then kept."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place where a column's value may stand, and how it is read there."""

    path: str | tuple[str, ...]
    """Keys joined by points: the nested place and the key that has the points in it are both looked up. Or the keys."""
    reading: str | TimeSql | None = None
    """SQL over the text `{}`, for a unit or a code of its own; of `ts` how the time is written."""
    kind: str | None = None
    """The JSON type (`OBJECT`, `ARRAY`) of a value that is not a text or a number; then the text is its JSON."""
    stays: bool = False
    """Whether the value says more than the column, and is an attribute too."""


@dataclass(frozen=True, slots=True)
class _Place:
    """One candidate at one place that the lines have."""

    column: str
    keys: tuple[str, ...]
    candidate: Candidate
    index: int
    """Its position, from 1, in the lists `texts` and `types`."""

    @property
    def text_sql(self) -> str:
        """The value as text, where its JSON type may stand in the column."""
        text, kind = f"texts[{self.index}]", f"types[{self.index}]"
        if self.candidate.kind is not None:
            return f"CASE WHEN {kind} = '{self.candidate.kind}' THEN {text} END"
        if self.column.startswith("exception_"):
            return f"CASE WHEN {kind} = 'VARCHAR' THEN {text} END"
        numeral = f"TRY_CAST({text} AS DOUBLE)::VARCHAR"  # which DuckDB spells in two ways
        plain = f"WHEN {kind} IN ('VARCHAR', 'UBIGINT', 'BIGINT') THEN {text}"
        return f"CASE {plain} WHEN {kind} = 'DOUBLE' THEN {numeral} END"

    def value_sql(self, context: Context) -> str:
        """The value in the column's type, NULL where it does not fit."""
        text, reading = self.text_sql, self.candidate.reading
        if isinstance(reading, str):
            text = reading.replace("{}", f"({text})")
        elif self.column == "ts":
            return (reading or instant_sql)(text, context)
        elif self.column == "level":
            return level_sql(text)
        return fitting_sql(self.column, text)

    @property
    def is_whole_sql(self) -> str:
        """Whether the column says all that the text said."""
        reading = self.candidate.reading
        if self.candidate.kind is not None or self.candidate.stays:
            return "false"
        if reading is None and self.column == "level":
            return level_is_exact_sql(f"texts[{self.index}]")
        if self.column == "ts":
            return is_microseconds_sql(f"texts[{self.index}]")
        if reading is not None and self.column != "level" and SQL_TYPES[self.column] == "VARCHAR":
            return f"value_{self.index} = texts[{self.index}]"
        return "true"


@dataclass(slots=True)
class _Branch:
    """A node of the tree of keys that are taken away: conditions for the value here, and keys below it."""

    conditions: list[str] = field(default_factory=list)
    below: dict[str, "_Branch"] = field(default_factory=dict)

    def add(self, keys: tuple[str, ...], condition: str) -> None:
        branch = self
        for key in keys:
            branch = branch.below.setdefault(key, _Branch())
        branch.conditions.append(condition)

    def members(self, path: str = "$") -> Iterator[str]:
        """SQL of the members of an RFC 7396 merge patch; one that is not needed for a row is NULL."""
        for key, branch in self.below.items():
            inner_path = f"{path}.{_quoted(key)}"
            nothing, opening = text_literal(f"{_quoted(key)}:null"), text_literal(f"{_quoted(key)}:{{")
            inner = f"concat_ws(',', {', '.join(branch.members(inner_path)) or 'NULL'})"
            rest = f"{opening} || nullif({inner}, '') || '}}'"
            yield f"CASE WHEN {branch._is_taken(inner_path)} THEN {nothing} ELSE {rest} END"

    def _is_taken(self, path: str) -> str:
        """Whether the value goes, or all that is below it: no empty object stays behind."""
        ways = list(self.conditions)
        if self.below:
            below = (branch._is_taken(f"{path}.{_quoted(key)}") for key, branch in self.below.items())
            taken = " + ".join(f"({is_taken})::INTEGER" for is_taken in below)
            ways.append(f"nullif({taken}, 0) = len(json_keys(json, {text_literal(path)}))")
        return f"coalesce({' OR '.join(ways)}, false)"


def select_sql(
    connection: duckdb.DuckDBPyConnection,
    context: Context,
    columns: Mapping[str, tuple[Candidate, ...]],
    redundant: Mapping[str, str],
    objects: str = OBJECTS,
) -> str:
    """The SELECT of a `Format` over the relation `objects`.

    `redundant` gives the paths that may only repeat others, with the SQL condition of whether they do.
    """
    keys, repeats = _keys_of_lines(connection, objects)
    places = _found_places(connection, objects, list(_candidate_places(columns, keys)))
    paths = _path_list(places)
    values = [f"{place.value_sql(context)} AS value_{place.index}" for place in places]
    chosen = [f"{sql} AS {column}" for column, sql in _column_values(places).items()]
    chosen.append(f"{_inferred(places, context)} AS {ATTRIBUTE}")
    taken = [f"{sql} AS taken_{index}" for index, sql in _taken(places).items()]
    rest = f"json_merge_patch(json, {_patch(places, redundant)}) AS rest"
    changed = " OR ".join(("is_altered", *_repeats(places, top_level=repeats)))
    return (
        f"SELECT {', '.join(COLUMNS)}, nullif(CASE WHEN {ATTRIBUTE} IS NULL THEN rest"
        f" ELSE json_merge_patch(rest, json_object('{ATTRIBUTE}', {ATTRIBUTE})) END, '{{}}'::JSON) AS attributes,"
        " pos, bytes, reason"
        f" FROM (SELECT * REPLACE (CASE WHEN json IS NOT NULL AND ({changed})"
        " THEN json_merge_patch(rest, json_object('_raw', raw)) ELSE rest END AS rest)"
        f" FROM (SELECT *, {rest}"
        f" FROM (SELECT {', '.join(('*', *chosen, *taken))}"
        f" FROM (SELECT {', '.join(('*', *values))}"
        f" FROM (SELECT *, json_extract_string(json, {paths}) AS texts, json_type(json, {paths}) AS types"
        f" FROM ({objects}))))))"
    )


def fitting_sql(column: str, text: str) -> str:
    """The text in the column's type, NULL where it does not fit."""
    sql_type, number = SQL_TYPES[column], f"TRY_CAST({text} AS DOUBLE)"
    if column == "stream":
        return f"CASE WHEN {text} IN ({', '.join(map(text_literal, STREAMS))}) THEN {text} END"
    if sql_type == "VARCHAR":
        return text
    if sql_type == "DOUBLE":
        return f"CASE WHEN isfinite({number}) THEN {number} END"
    if sql_type == "TIMESTAMPTZ":
        return text
    return f"CASE WHEN trunc({number}) = {number} THEN TRY_CAST({text} AS {sql_type}) END"


def _keys_of_lines(connection: duckdb.DuckDBPyConnection, objects: str) -> tuple[frozenset[str], bool]:
    """The keys at the top level of the lines, and whether any line has one key twice."""
    row = connection.execute(
        f"WITH shapes AS (SELECT DISTINCT json_keys(json) AS keys FROM ({objects}))"
        " SELECT (SELECT list(DISTINCT key) FROM (SELECT unnest(keys) AS key FROM shapes)),"
        " (SELECT coalesce(bool_or(len(keys) <> list_unique(keys)), false) FROM shapes)"
    ).fetchone()
    assert row is not None  # an aggregate yields a row
    return frozenset(row[0] or ()), row[1]


def _repeats(places: list[_Place], *, top_level: bool) -> Iterator[str]:
    """Whether an object that something is taken from has one key twice; of those the patch would leave none."""
    branches = {place.keys[:depth]: None for place in places for depth in range(1, len(place.keys))}
    for keys in (*([()] if top_level else []), *branches):
        found = f"json_keys(json, {text_literal(_json_path(keys))})"
        yield f"coalesce(len({found}) <> list_unique({found}), false)"


def _candidate_places(columns: Mapping[str, tuple[Candidate, ...]], keys: Iterable[str]) -> Iterator[_Place]:
    index = 0
    for column, found in columns.items():
        for candidate in found:
            for spelling in _spellings(candidate.path):
                if spelling[0] in keys:
                    index += 1
                    yield _Place(column, spelling, candidate, index)


def _found_places(connection: duckdb.DuckDBPyConnection, objects: str, places: list[_Place]) -> list[_Place]:
    """The places that any line has: of a nested one only its first key is known yet."""
    if all(len(place.keys) == 1 for place in places):
        return places
    found = ", ".join(f"bool_or(types[{place.index}] IS NOT NULL)" for place in places)
    row = connection.execute(
        f"SELECT {found} FROM (SELECT json_type(json, {_path_list(places)}) AS types FROM ({objects}))"
    ).fetchone()
    assert row is not None  # an aggregate yields a row
    there = [place for place, is_there in zip(places, row, strict=True) if is_there]
    return [replace(place, index=index) for index, place in enumerate(there, 1)]


def _path_list(places: list[_Place]) -> str:
    return f"[{', '.join(text_literal(_json_path(place.keys)) for place in places) or _NO_PATH}]"


def _spellings(path: str | tuple[str, ...]) -> list[tuple[str, ...]]:
    if isinstance(path, tuple):
        return [path]
    nested = tuple(path.split("."))
    return [(path,)] if len(nested) == 1 else [(path,), nested]


def _json_path(keys: tuple[str, ...]) -> str:
    return "$" + "".join(f".{_quoted(key)}" for key in keys)


def _quoted(key: str) -> str:
    """The key as it stands in JSON, and in a path of DuckDB's."""
    return json.dumps(key, ensure_ascii=False)


def _column_values(places: list[_Place]) -> dict[str, str]:
    """SQL of each column: the first of its places that has a value."""
    values: dict[str, list[str]] = {column: [] for column in COLUMNS}
    for place in places:
        values[place.column].append(f"value_{place.index}")
    if values["exception_stacktrace"]:
        stacktrace = f"coalesce({', '.join(values['exception_stacktrace'])})"
        values["exception_type"].append(exception_type_sql(stacktrace))
        values["exception_message"].append(exception_message_sql(stacktrace))
    return {
        column: f"coalesce({', '.join(found)})" if found else f"NULL::{SQL_TYPES[column]}"
        for column, found in values.items()
    }


def _inferred(places: list[_Place], context: Context) -> str:
    """SQL of what was inferred of the time that the column has."""
    ways = [
        f"WHEN value_{place.index} IS NOT NULL THEN"
        f" {inferred_sql(place.value_sql, context, f'texts[{place.index}]', f'value_{place.index}') or 'NULL'}"
        for place in places
        if place.column == "ts"
    ]
    return f"CASE {' '.join(ways)} END" if ways else "NULL::VARCHAR"


def _taken(places: list[_Place]) -> dict[int, str]:
    """By place, whether its value went into the column, whole, so that it need not stay in the attributes."""
    conditions: dict[int, str] = {}
    before: dict[str, list[str]] = {}
    for place in places:
        value = f"value_{place.index}"
        earlier = before.setdefault(place.column, [])
        none_earlier = [f"{other} IS NULL" for other in earlier]
        conditions[place.index] = " AND ".join([f"{value} IS NOT NULL", place.is_whole_sql, *none_earlier])
        earlier.append(value)
    return conditions


def _patch(places: list[_Place], redundant: Mapping[str, str]) -> str:
    """The RFC 7396 merge patch that leaves of an object what no column has taken."""
    tree = _Branch()
    for place in places:
        tree.add(place.keys, f"taken_{place.index}")
    for path, condition in redundant.items():
        tree.add(tuple(path.split(".")), condition)
    return f"'{{' || concat_ws(',', {', '.join(tree.members()) or 'NULL'}) || '}}'"

"""Formats given by patterns: named groups of a regular expression onto the columns of `events`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Final

import duckdb

from logpipe.ingest.formats.base import SQL_TYPES, Context, json_object, text_literal
from logpipe.ingest.formats.inferred import ATTRIBUTE, inferred_sql
from logpipe.ingest.formats.levels import level_is_exact_sql, level_sql
from logpipe.ingest.formats.pairs import with_pairs
from logpipe.ingest.formats.times import TimeSql, iso_sql
from logpipe.ingest.scanning.scanner import Scanner
from logpipe.record import COLUMNS

CONTINUATION: Final = re.compile(
    r"\s|Traceback \(most recent|[\w.]+(?:Error|Exception|Warning|Exit|Interrupt)\b|Caused by: "
)
"""A line that goes on with the record before it, by its look."""

COLOUR: Final = r"\x1b\[[0-9;:?]*[A-Za-z]"
"""An escape sequence of a terminal, which says nothing about the record."""

_NUMBER: Final = re.compile(r"TRY_CAST\((?P<text>(?:(?! AS ).)+) AS \w+\)", re.DOTALL)

EVIDENCE_WITHIN: Final = 2000
"""As much of a line is searched for evidence: a pattern that may begin anywhere takes long on a long line."""


@dataclass(frozen=True)
class TextFormat:
    """A format of text lines.

    `layouts` are patterns in the subset that RE2 and Python's `re` share, tried in order, all groups named; a group of
    one name may stand in several. A group that is empty or did not take part is NULL. Where `start` is given, records
    span lines and the layouts must match the joined text. A record that no layout matches is an event of plain text.
    Terminals' colours are taken off before anything is matched.

    SQL expressions see the groups and `derived` by name, and `raw`. Two groups have a meaning of their own: `time` is
    read by `read_time`, `level` by its spelling; what of them cannot be read, or says more than the column holds, stays
    in the attributes `timestamp` and `level`.
    """

    name: str
    title: str
    layouts: tuple[str, ...]
    columns: Mapping[str, str]
    """SQL expression of each column, but for `ts` and `level` where the groups `time` and `level` give these."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """SQL expression of each attribute; NULL is absent."""
    pairs: str | None = None
    """SQL expression of a text of `key=value` pairs: each is an attribute; if a key stands twice, the text is one."""
    derived: Mapping[str, str] = field(default_factory=dict)
    """Names for expressions over groups that several columns use."""
    read_time: TimeSql = iso_sql
    start: str | None = None
    evidence: str | None = None
    """Pattern that a quarter of the records must show, where the layouts alone would claim other formats' lines too."""
    scan: Scanner | None = None

    def continues(self, line: str, _before: str, /) -> str | None:
        """See `Format`."""
        if self.start is None:
            return None
        return f"NOT regexp_matches({uncoloured_sql(line)}, {text_literal(self.start)})"

    def claims(self, lines: Sequence[str]) -> float:
        """See `Format`: free text that goes on with a record counts up to one line a record."""
        records = shown = continued = free = 0
        begins = _compiled(self.start) if self.start else None
        for line in map(uncoloured, lines):
            if begins is None or begins.search(line):
                records += self._matches_layout(line)
                shown += self._shows_evidence(line)
            elif records and (CONTINUATION.match(line) or self._matches_layout(line)):
                continued += 1
            elif records:
                free += 1
        if not records or shown * 4 < records:
            return 0.0
        return (records + continued + min(free, records)) / len(lines)

    def _shows_evidence(self, line: str) -> bool:
        return self.evidence is None or _compiled(self.evidence).search(line[:EVIDENCE_WITHIN]) is not None

    def _matches_layout(self, line: str) -> bool:
        return any(_compiled(layout).search(line) for layout in self.layouts)

    def select(self, _connection: duckdb.DuckDBPyConnection, context: Context) -> str:
        """See `Format`: layout, then groups, then time and level, then columns, each a stage of the statement."""
        statement = f"SELECT pos, bytes, {uncoloured_sql('raw')} AS raw FROM lines"
        for columns in (
            ("*", f"{self._match(0)} AS match_0"),
            ("*", f"CASE {self._which_layout()} END AS layout"),
            ("*", *self._later_matches()),
            ("pos", "bytes", "raw", "layout", *self._group_values()),
            ("*", *self._read(context)),
            ("*", *self._inferred(context)),
            (*self._column_values(), self._attributes(), "pos", "bytes", "NULL AS reason"),
        ):
            statement = f"SELECT {', '.join(columns)} FROM ({statement})"
        return statement

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """The names of all groups, once each."""
        return tuple(dict.fromkeys(name for layout in self.layouts for name in _compiled(layout).groupindex))

    def _match(self, number: int) -> str:
        layout = self.layouts[number]
        names = ", ".join(map(text_literal, _compiled(layout).groupindex))
        return f"regexp_extract(raw, {text_literal(layout)}, [{names}])" if names else "NULL"

    def _which_layout(self) -> str:
        """The first layout is matched once, and has matched where one of its groups holds something."""
        found = [f"match_0.{_quoted(group)} <> ''" for group in _compiled(self.layouts[0]).groupindex]
        tests = [f"regexp_matches(raw, {text_literal(layout)})" for layout in self.layouts]
        tests[:1] = [" OR ".join(found)] if found else tests[:1]
        return " ".join(f"WHEN {test} THEN {number}" for number, test in enumerate(tests))

    def _later_matches(self) -> Iterator[str]:
        for number in range(1, len(self.layouts)):
            yield f"CASE layout WHEN {number} THEN {self._match(number)} END AS match_{number}"

    def _group_values(self) -> Iterator[str]:
        for group in self.groups:
            values = " ".join(
                f"WHEN {number} THEN match_{number}.{_quoted(group)}"
                for number, layout in enumerate(self.layouts)
                if group in _compiled(layout).groupindex
            )
            yield f"nullif(CASE layout {values} END, '') AS {_quoted(group)}"

    def _read(self, context: Context) -> Iterator[str]:
        if "time" in self.groups:
            yield f"{self.read_time(_quoted('time'), context)} AS read_time"
        if "level" in self.groups:
            yield f"{level_sql(_quoted('level'))} AS read_level"
        yield from (f"{sql} AS {name}" for name, sql in self.derived.items())

    def _inferred(self, context: Context) -> Iterator[str]:
        if "time" in self.groups:
            told = inferred_sql(
                lambda other: self.read_time(_quoted("time"), other), context, _quoted("time"), "read_time"
            )
            yield f"{told or 'NULL'} AS time_inferred"

    def _column_values(self) -> Iterator[str]:
        columns = dict(self.columns)
        if "time" in self.groups:
            columns.setdefault("ts", "read_time")
        if "level" in self.groups:
            columns.setdefault("level", "read_level")
        columns["message"] = f"CASE WHEN layout IS NULL THEN raw ELSE {columns.get('message', 'raw')} END"
        for column in COLUMNS:
            sql = columns.get(column, "NULL")
            if sql.startswith("'"):
                sql = f"CASE WHEN layout IS NOT NULL THEN {sql} END"
            yield f"CAST({sql} AS {SQL_TYPES[column]}) AS {column}"

    def _attributes(self) -> str:
        members = {column: unfit for column, sql in self.columns.items() if (unfit := _unfit_sql(sql))}
        for name, sql in self.attributes.items():
            unfit = _unfit_sql(sql)
            members[name] = f"coalesce(to_json({sql}), to_json({unfit}))" if unfit else sql
        if "time" in self.groups:
            members["timestamp"] = 'CASE WHEN read_time IS NULL THEN "time" END'
            members[ATTRIBUTE] = "time_inferred"
        if "level" in self.groups:
            exact = level_is_exact_sql(_quoted("level"))
            members["level"] = f'CASE WHEN "level" IS NOT NULL AND NOT {exact} THEN "level" END'
        if self.pairs is None:
            return f"{json_object(members)} AS attributes"
        return f"{with_pairs(members, self.pairs)} AS attributes"


def _unfit_sql(sql: str) -> str | None:
    """Where the SQL is a cast to a number: the text that is none, or is too large; a dash says that there is none."""
    found = _NUMBER.fullmatch(sql)
    return f"CASE WHEN {found['text']} <> '-' AND {sql} IS NULL THEN {found['text']} END" if found else None


def uncoloured(line: str) -> str:
    """The line without a terminal's colours."""
    return _compiled(COLOUR).sub("", line) if "\x1b" in line else line


def uncoloured_sql(text: str) -> str:
    """The text without a terminal's colours."""
    return f"CASE WHEN contains({text}, chr(27)) THEN regexp_replace({text}, '{COLOUR}', '', 'g') ELSE {text} END"


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


def _quoted(name: str) -> str:
    return f'"{name}"'

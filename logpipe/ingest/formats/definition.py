"""The definition of a format of one's own, checked: each mistake has a sentence of its own."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final, Self
from zoneinfo import ZoneInfo

import duckdb

from logpipe.errors import InputError
from logpipe.ingest.formats.base import SQL_TYPES, Context
from logpipe.ingest.formats.times import (
    TimeSql,
    epoch_sql,
    instant_sql,
    one_of,
    strptime,
    strptime_with_zone,
    time_of_day,
    yearless,
)
from logpipe.record import FIELDS, KEYS, SEVERITY_BY_LEVEL, STREAMS

_TOP: Final = (
    *("name", "title", "pattern", "patterns", "json", "needs", "start", "attributes"),
    *("time", "levels", "constants", "sample"),
)
_TYPES: Final = {field.key: SQL_TYPES[field.column] for field in FIELDS}

Members = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Sample:
    """A line, or the lines of one record, and what must come of them."""

    line: str
    expected: Members


@dataclass(frozen=True, slots=True)
class Time:
    """How times are written."""

    formats: tuple[str, ...] = ()
    """Of strptime, or `iso` and `epoch`; none: ISO 8601 or a number since 1970."""
    zone: str | None = None
    """Of times that name none; None: that of the ingest."""

    def read(self, text: str, context: Context) -> str:
        """SQL of the instant, see `logpipe.ingest.formats.times`."""
        if self.zone is not None:
            context = replace(context, time_zone=self.zone)
        readers = [_reader(format_) for format_ in self.formats] or [instant_sql]
        return one_of(*readers)(text, context)


def _reader(format_: str) -> TimeSql:
    if format_ in ("iso", "epoch"):
        return instant_sql if format_ == "iso" else lambda text, _: epoch_sql(text)
    if re.search("%[zZ]", format_):
        return strptime_with_zone(format_)
    if not re.search("%[dDjaAxcs]", format_):
        return time_of_day(format_)
    return strptime(format_) if re.search("%[yYGxcs]", format_) else yearless(format_)


@dataclass(frozen=True, slots=True)
class Definition:
    """What a file says of a format."""

    path: str
    name: str
    title: str
    patterns: tuple[str, ...]
    start: str | None
    json: Mapping[str, tuple[str, ...]]
    """By field, the keys that may hold it; empty for a format of patterns."""
    needed: tuple[str, ...]
    """Keys that a line must have to be of the format."""
    attributes: tuple[str, ...]
    """Groups that are no fields."""
    time: Time
    levels: Mapping[str, str]
    constants: Mapping[str, str]
    samples: tuple[Sample, ...]

    @classmethod
    def of(cls, members: Members, path: str) -> Self:
        """The definition that the members of a TOML file make.

        Raises:
            InputError: what is wrong, and how it would be right.
        """
        check = _Check(path)
        check.keys(members, _TOP, "key")
        name = check.text(members, "name")
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise check.mistake(f"{name!r} is no name of a format", "use small letters, digits and underscores")
        json = _json(members, check)
        definition = cls(
            path=path,
            name=name,
            title=check.text(members, "title", name.replace("_", " ")),
            patterns=() if json else _patterns(members, check),
            start=check.pattern(members["start"], "start") if "start" in members else None,
            json=json,
            needed=check.texts(members.get("needs", [keys[0] for keys in json.values() if len(keys) == 1]), "needs"),
            attributes=check.texts(members.get("attributes", []), "attributes"),
            time=_time(members, check),
            levels=_levels(members, check),
            constants=_constants(members, check),
            samples=_samples(members, check),
        )
        definition._check_groups(check)
        return definition

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of all groups of the patterns."""
        return tuple(dict.fromkeys(name for pattern in self.patterns for name in re.compile(pattern).groupindex))

    def mistake(self, sentence: str, remedy: str) -> InputError:
        """An error that names the file."""
        return _Check(self.path).mistake(sentence, remedy)

    def _check_groups(self, check: "_Check") -> None:
        for pattern in self.patterns:
            compiled = re.compile(pattern)
            if compiled.groups > len(compiled.groupindex):
                raise check.mistake(f"the pattern {pattern} has a group without a name", "write (?: ) or (?P<name> )")
        for group in self.groups:
            if group not in KEYS and group not in self.attributes:
                raise check.mistake(
                    f"the group {group} is no field of the record",
                    f"{_nearest(group, KEYS)}, or list it: attributes = [{group!r}]",
                )
        if unused := [name for name in self.attributes if not self.json and name not in self.groups]:
            raise check.mistake(f"no pattern has the group {unused[0]} of attributes", "name it in a pattern")


def _patterns(members: Members, check: "_Check") -> tuple[str, ...]:
    given = members.get("patterns", members.get("pattern"))
    if given is None:
        raise check.mistake("there is neither a pattern nor a table [json]", "give the one or the other")
    return tuple(check.pattern(pattern, "pattern") for pattern in check.texts(given, "pattern"))


def _json(members: Members, check: "_Check") -> dict[str, tuple[str, ...]]:
    fields = check.table(members, "json")
    if fields and ("pattern" in members or "patterns" in members or "start" in members):
        raise check.mistake("a format has a pattern or a table [json], not both", "leave one out")
    check.keys(fields, KEYS, "field in [json]")
    found = {field: check.texts(keys, field) for field, keys in fields.items()}
    if any("*" in key.split(".") for keys in found.values() for key in keys):  # DuckDB's paths have no name for it
        raise check.mistake("a key called * cannot be read", "leave it among the attributes")
    return found


def _time(members: Members, check: "_Check") -> Time:
    table = check.table(members, "time")
    check.keys(table, ("format", "zone"), "key in [time]")
    formats = check.texts(table.get("format", []), "format")
    for format_ in formats:
        if format_ not in ("iso", "epoch"):
            check.strptime(format_)
    zone = check.text(table, "zone", "") or None
    if zone is not None:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            raise check.mistake(f"there is no time zone called {zone}", "use a name such as Europe/Berlin") from None
    return Time(formats, zone)


def _levels(members: Members, check: "_Check") -> dict[str, str]:
    table = check.table(members, "levels")
    for spelling, level in table.items():
        if level not in SEVERITY_BY_LEVEL:
            raise check.mistake(f"{spelling} = {level!r} is no level", f"use one of {', '.join(SEVERITY_BY_LEVEL)}")
    return {spelling: str(level) for spelling, level in table.items()}


def _constants(members: Members, check: "_Check") -> dict[str, str]:
    table = check.table(members, "constants")
    check.keys(table, [key for key in KEYS if key != "timestamp"], "field in [constants]")
    for key, value in table.items():
        allowed = {"stream": STREAMS, "level": tuple(SEVERITY_BY_LEVEL)}.get(key)
        if allowed and value not in allowed:
            raise check.mistake(f"{key} cannot be {value!r}", f"use one of {', '.join(allowed)}")
        if _TYPES[key] != "VARCHAR" and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
            raise check.mistake(f"{key} cannot be {value!r}", "give a number")
    return {key: str(value) for key, value in table.items()}


def _samples(members: Members, check: "_Check") -> tuple[Sample, ...]:
    tables = members.get("sample", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise check.mistake("sample is no list of tables", "write [[sample]] above each")
    samples = []
    for table in tables:
        check.keys(table, ("line", "expected"), "key in [[sample]]")
        expected = check.table(table, "expected")
        check.keys(expected, (*KEYS, "severity", "attributes"), "field in expected")
        samples.append(Sample(check.text(table, "line"), expected))
    return tuple(samples)


class _Check:
    """Checks of one file's members."""

    def __init__(self, path: str) -> None:
        self._path = path

    def mistake(self, sentence: str, remedy: str) -> InputError:
        return InputError(f"{self._path}: {sentence}", remedy=remedy, reason="format_definition")

    def keys(self, members: Members, known: Iterable[str], kind: str) -> None:
        known = tuple(known)
        for key in members:
            if key not in known:
                raise self.mistake(f"there is no {kind} called {key}", _nearest(key, known))

    def text(self, members: Members, key: str, default: str | None = None) -> str:
        value = members.get(key, default)
        if value is None:
            raise self.mistake(f"{key} is missing", f'write {key} = "…"')
        if not isinstance(value, str):
            raise self.mistake(f"{key} is {value!r}", "give a text")
        return value

    def texts(self, value: object, key: str) -> tuple[str, ...]:
        """One text or a list of them."""
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(text, str) and text for text in values):
            raise self.mistake(f"{key} is {value!r}", "give a text or a list of texts")
        return tuple(values)

    def table(self, members: Members, key: str) -> Members:
        value = members.get(key, {})
        if not isinstance(value, dict):
            raise self.mistake(f"{key} is {value!r}", f"write a table: [{key}]")
        return value

    def pattern(self, value: object, key: str) -> str:
        """A pattern that both Python and RE2 read: RE2 has neither look-around nor back-references."""
        if not isinstance(value, str):
            raise self.mistake(f"{key} is {value!r}", "give a text")
        try:
            re.compile(value, re.ASCII)
        except re.error as error:
            raise self.mistake(f"the pattern {value} cannot be read: {error.msg} at {error.pos}", "mend it") from None
        with duckdb.connect() as connection:
            try:
                connection.execute("SELECT regexp_matches('', ?)", [value])
            except duckdb.Error as error:
                raise self.mistake(
                    f"the pattern {value} cannot be used: {str(error).splitlines()[0].lower()}",
                    "patterns are RE2's, which has no look-around (?=…), no back-reference \\1, no possessive *+ and "
                    "no atomic group",
                ) from None
        return value

    def strptime(self, format_: str) -> None:
        with duckdb.connect() as connection:
            try:
                connection.execute("SELECT try_strptime('', ?)", [format_])
            except duckdb.Error as error:
                raise self.mistake(
                    f"the time format {format_} cannot be used: {str(error).splitlines()[0].lower()}",
                    "see https://duckdb.org/docs/stable/sql/functions/dateformat",
                ) from None


def _nearest(word: str, known: Iterable[str]) -> str:
    known = tuple(known)
    near = get_close_matches(word, known, 1, 0.6)
    return f"did you mean {near[0]}" if near else f"use one of {', '.join(known)}"

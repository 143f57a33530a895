"""Formats of one's own: a TOML file with a pattern or a map of JSON keys, and samples that it must pass.

docs/formats.md describes the file. A definition is checked as a whole when it is read.
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import duckdb

from logpipe.errors import InputError, SettingError
from logpipe.ingest.formats import FORMATS
from logpipe.ingest.formats.base import SQL_TYPES, Context, Format, text_literal
from logpipe.ingest.formats.definition import Definition, Sample
from logpipe.ingest.formats.json_format import JsonFormat
from logpipe.ingest.formats.json_select import Candidate, fitting_sql
from logpipe.ingest.formats.levels import level_sql
from logpipe.ingest.formats.text_format import TextFormat
from logpipe.record import COLUMNS, FIELDS

FOLDER_VARIABLE: Final = "LOGPIPE_FORMATS"

_COLUMN: Final = {field.key: field.column for field in FIELDS}


@dataclass(frozen=True)
class OwnFormat:
    """A format that a definition describes: one of patterns or of JSON keys, and what all its records have."""

    inner: Format
    path: str
    constants: Mapping[str, str] = field(default_factory=dict)
    """By column, as text."""
    samples: Sequence[Sample] = ()
    scan: None = None

    @property
    def name(self) -> str:
        """See `Format`."""
        return self.inner.name

    @property
    def title(self) -> str:
        """See `Format`."""
        return self.inner.title

    def claims(self, lines: Sequence[str]) -> float:
        """See `Format`."""
        return self.inner.claims(lines)

    def continues(self, line: str, before: str, /) -> str | None:
        """See `Format`."""
        return self.inner.continues(line, before)

    def select(self, connection: duckdb.DuckDBPyConnection, context: Context) -> str:
        """See `Format`."""
        selection = self.inner.select(connection, context)
        filled = ", ".join(
            f"CASE WHEN reason IS NULL THEN coalesce({column}, {text_literal(text)}::{SQL_TYPES[column]}) END"
            f" AS {column}"
            for column, text in self.constants.items()
        )
        return f"SELECT * REPLACE ({filled}) FROM ({selection})" if filled else selection


@dataclass(frozen=True)
class _OwnJson(JsonFormat):
    """JSON whose time is read as the definition says."""

    time_keys: tuple[str, ...] = ()
    definition: Definition | None = None

    def select(self, connection: duckdb.DuckDBPyConnection, context: Context) -> str:
        assert self.definition is not None
        reading = self.definition.time.read("{}", context)
        columns = {**self.columns, "ts": tuple(Candidate(key, reading) for key in self.time_keys)}
        return JsonFormat(self.name, self.title, columns).select(connection, context)


def known_formats() -> dict[str, Format]:
    """The formats of one's own, by file name, then logpipe's: in this order they are asked.

    Raises:
        InputError: a definition cannot be used.
        SettingError: there is no such folder.
    """
    return with_own([read_format(path) for path in sorted(folder().glob("*.toml"))])


def folder() -> Path:
    """Where definitions are looked for: `LOGPIPE_FORMATS`, else the user's configuration, which need not be there.

    Raises:
        SettingError: the variable names no folder.
    """
    if given := os.environ.get(FOLDER_VARIABLE):
        if not os.path.isdir(given):
            raise SettingError(
                f"{FOLDER_VARIABLE}: there is no folder {given}", remedy="make it, or unset the variable"
            )
        return Path(given)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "logpipe" / "formats"


def with_own(own: Sequence[OwnFormat], others: Mapping[str, Format] = FORMATS) -> dict[str, Format]:
    """The formats with one's own in front; one that is named again replaces the one before.

    Raises:
        InputError: two files define one name.
    """
    formats: dict[str, Format] = {}
    for format_ in own:
        before = formats.get(format_.name)
        if isinstance(before, OwnFormat):
            raise InputError(
                f"{before.path} and {format_.path} both define {format_.name}",
                remedy="give one of them another name",
                reason="format_definition",
            )
        formats[format_.name] = format_
    return {**formats, **{name: format_ for name, format_ in others.items() if name not in formats}}


def read_format(path: str | Path) -> OwnFormat:
    """The format that a file defines.

    Raises:
        InputError: it cannot be read, or has a mistake, which is named.
    """
    try:
        text = Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = str(getattr(error, "strerror", None) or error).lower()
        raise InputError(
            f"cannot read {path}: {reason}", remedy="check the name", reason="format_definition"
        ) from error
    try:
        members = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            f"{path} is no TOML: {str(error).lower()}",
            remedy="a pattern stands best between single quotes, where a backslash is a backslash",
            reason="format_definition",
        ) from error
    definition = Definition.of(members, str(path))
    if definition.name in FORMATS:
        raise definition.mistake(f"{definition.name} is the name of a format of logpipe's", "choose another name")
    inner = _json(definition) if definition.json else _text(definition)
    constants = {_COLUMN[key]: text for key, text in definition.constants.items()}
    return OwnFormat(inner, str(path), constants, definition.samples)


def _level_sql(text: str, definition: Definition) -> str:
    ways = " ".join(
        f"WHEN {text_literal(spelling.upper())} THEN {text_literal(level)}"
        for spelling, level in definition.levels.items()
    )
    return f"CASE upper(trim({text})) {ways} ELSE {level_sql(text)} END" if ways else level_sql(text)


def _text(definition: Definition) -> TextFormat:
    """The group `timestamp` is what `TextFormat` calls `time`; what does not fit its column is an attribute."""
    groups = definition.groups
    columns, attributes = {}, {name: f'"{name}"' for name in definition.attributes}
    for key in groups:
        if key in ("timestamp", "level") or key not in _COLUMN:
            continue
        fits = fitting_sql(_COLUMN[key], f'"{key}"')
        columns[_COLUMN[key]] = fits
        if SQL_TYPES[_COLUMN[key]] != "VARCHAR" or key == "stream":
            attributes[key] = f'CASE WHEN {fits} IS NULL THEN "{key}" END'
    if "level" in groups:
        columns["level"] = _level_sql('"level"', definition)
    return TextFormat(
        name=definition.name,
        title=definition.title,
        layouts=tuple(pattern.replace("(?P<timestamp>", "(?P<time>") for pattern in definition.patterns),
        columns={"message": "raw", **columns},
        attributes=attributes,
        read_time=definition.time.read,
        start=definition.start,
    )


def _json(definition: Definition) -> JsonFormat:
    columns = {
        _COLUMN[key]: tuple(Candidate(path) for path in paths)
        for key, paths in definition.json.items()
        if key != "timestamp"
    }
    if definition.levels and "level" in columns:
        columns["level"] = tuple(
            Candidate(candidate.path, _level_sql("{}", definition)) for candidate in columns["level"]
        )
    needed = frozenset(definition.needed)
    return _OwnJson(
        name=definition.name,
        title=definition.title,
        columns={column: columns[column] for column in COLUMNS if column in columns},
        marks=lambda members: needed <= members.keys(),
        time_keys=definition.json.get("timestamp", ()),
        definition=definition,
    )

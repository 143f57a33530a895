"""Tables of a TOML file as settings of targets: names and types are those of a dataclass, and nothing else is let pass.

A secret `password` is given as `password_file` or `password_env`, so that anybody may see the file itself; or as
`password` all the same. So is a table of secrets: `headers`, `headers_file` and `headers_env`, which add up.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields
from datetime import timedelta
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from logpipe.errors import SettingError
from logpipe_shippers.delivery import clear_text
from logpipe_shippers.delivery.receiver import Misconfigured
from logpipe_shippers.delivery.secrets import Secret

Settings = TypeVar("Settings")

_SPAN: Final = re.compile(r"(\d+)(ms|s|m|h|d)")
_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_LEAST_INTERVAL: Final = timedelta(milliseconds=10)
_MOST_SECONDS: Final = 1_000 * 366 * 86_400
_SECRET_WAYS: Final = ("", "_file", "_env")


def read(path: str | Path) -> dict[str, Any]:
    """The tables of a file; a warning where others may read the secrets in it.

    Raises:
        SettingError: it cannot be read, or is no TOML.
    """
    try:
        with Path(path).open("rb") as file:
            tables = tomllib.load(file)
            clear_text.warn_of(path, os.fstat(file.fileno()), tables)
    except OSError as error:
        raise SettingError(f"{path}: {(error.strerror or str(error)).lower()}", reason="settings_unreadable") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} is not TOML: {str(error).lower()}", reason="settings_unreadable") from error
    return tables


def settings(kind: type[Settings], table: Mapping[str, Any], where: str) -> Settings:
    """An instance of the dataclass `kind` of a table; `where` names the table in errors, as `[loki.main]`.

    Raises:
        SettingError: a name that is none, a value of another type, a secret that cannot be read, one that is missing.
    """
    hints = get_type_hints(kind)
    secrets = {
        name: _secret if _plain(hint) is Secret else _secret_table
        for name, hint in hints.items()
        if _plain(hint) is Secret or Secret in get_args(hint)[1:]
    }
    known = [f"{name}{way}" for name in hints for way in (_SECRET_WAYS if name in secrets else ("",))]
    for name in table:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            meant = f"did you mean {near[0]}" if near else f"there are {', '.join(known)}"
            raise SettingError(f"{where} has no setting {name}", remedy=meant, reason="setting_unknown")
    given = {
        name: secrets[name](name, table, where)
        if name in secrets
        else _value(hints[name], table[name], f"{where} {name}")
        for name in hints
        if (name in table) or (name in secrets and any(f"{name}{way}" in table for way in _SECRET_WAYS))
    }
    for field in fields(kind):  # type: ignore[arg-type]
        if field.name not in given and field.default is MISSING and field.default_factory is MISSING:
            raise SettingError(f"{where} lacks {field.name}", reason="setting_missing")
    with placed(where):
        return kind(**given)


@contextmanager
def placed(where: str) -> Iterator[None]:
    """Errors of settings say where these stand."""
    try:
        yield
    except (SettingError, Misconfigured) as error:
        if error.message.startswith(where):
            raise
        raise type(error)(f"{where}: {error.message}", remedy=error.remedy, reason=error.reason) from error


def check_interval(interval: timedelta, least: timedelta = _LEAST_INTERVAL) -> None:
    """
    Raises:
        SettingError: it is so short that nothing else would be done.
    """
    if interval < least:
        raise SettingError(
            f"interval is less than {least.total_seconds():g} s", remedy="give one as 15s", reason="setting_value"
        )


def _secret(name: str, table: Mapping[str, Any], where: str) -> Secret:
    ways = [f"{name}{way}" for way in _SECRET_WAYS if f"{name}{way}" in table]
    if len(ways) > 1:
        raise SettingError(f"{where} has {' and '.join(ways)}", remedy="give one of them", reason="secret")
    value = table[ways[0]]
    if not isinstance(value, str):
        raise SettingError(f"{where} {ways[0]} is no text", reason="setting_type")
    with placed(f"{where} {ways[0]}"):
        if ways[0].endswith("_file"):
            return Secret.from_file(value)
        return Secret.from_variable(value) if ways[0].endswith("_env") else Secret(value)


def _secret_table(name: str, table: Mapping[str, Any], where: str) -> dict[str, Secret]:
    found: dict[str, Secret] = {}
    for way, read in zip(_SECRET_WAYS, (Secret, Secret.from_file, Secret.from_variable), strict=True):
        given = table.get(f"{name}{way}", {})
        if not isinstance(given, dict) or not all(isinstance(one, str) for one in given.values()):
            raise SettingError(f"{where} {name}{way} is not a table of texts", reason="setting_type")
        if twice := found.keys() & given.keys():
            raise SettingError(f"{where} {name} has {min(twice)} twice", remedy="give it once", reason="secret")
        with placed(f"{where} {name}{way}"):
            found |= {key: read(text) for key, text in given.items()}
    return found


def _value(hint: Any, value: Any, name: str) -> Any:
    hint = _plain(hint)
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise _wrong(name, value, "a list")
        return tuple(_value(get_args(hint)[0], one, name) for one in value)
    if get_origin(hint) is not None and issubclass(get_origin(hint), Mapping):
        if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
            raise _wrong(name, value, "a table of texts")
        return dict(value)
    if hint is timedelta:
        return span(value, name)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise _wrong(
            name, value, {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}[hint]
        )
    return value


def span(value: Any, name: str) -> timedelta:
    """`90s`, `15m`, `7d`, or a number of seconds.

    Raises:
        SettingError: it is neither, or longer than a time can be.
    """
    seconds = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value
    elif isinstance(value, str) and (found := _SPAN.fullmatch(value)):
        seconds = int(found[1]) * _UNITS[found[2]]
    if seconds is not None and 0 <= seconds <= _MOST_SECONDS:
        return timedelta(seconds=seconds)
    raise _wrong(name, value, "a time, as 90s, 15m, 12h or 7d")


def _plain(hint: Any) -> Any:
    """The type without None."""
    if isinstance(hint, UnionType):
        return next(part for part in get_args(hint) if part is not NoneType)
    return hint


def _wrong(name: str, value: object, wanted: str) -> SettingError:
    return SettingError(f"{name} is {value!r}, not {wanted}", reason="setting_type")

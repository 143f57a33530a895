"""The settings of the analysis from a TOML file: `bucket = 60`, in seconds, and a table for each detector.

Only what is to differ from the defaults stands in it. Names are those of `settings.py`, and of docs/analysis.md.
"""

import difflib
import math
import tomllib
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from logpipe.errors import SettingError
from logpipe_analysis.settings import Settings

_DAY_S: Final = 86_400


def load(path: str | Path) -> Settings:
    """The settings in a file; what it does not name is as by default.

    Raises:
        SettingError: the file cannot be read, has a name that is none of a setting's, or a value of another type or
            out of bounds.
    """
    try:
        with Path(path).open("rb") as file:
            given = tomllib.load(file)
    except OSError as error:
        raise SettingError(f"{path}: {(error.strerror or str(error)).lower()}", reason="settings_unreadable") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} is not TOML: {str(error).lower()}", reason="settings_unreadable") from error
    settings: Settings = _changed(Settings(), given, f"{path}: ")
    return settings


def _changed(settings: Any, given: dict[str, Any], where: str) -> Any:
    known = [field.name for field in fields(settings)]
    changes = {}
    for name, value in given.items():
        if name not in known:
            raise _unknown(name, known, where)
        changes[name] = _value(getattr(settings, name), value, f"{where}{name}")
    return replace(settings, **changes)


def _value(default: Any, value: Any, name: str) -> Any:
    """The value in the type of the default."""
    if is_dataclass(default):
        if not isinstance(value, dict):
            raise _wrong(name, value, "is a table", f"with [{name.rpartition(' ')[2]}] and its settings below")
        return _changed(default, value, f"{name}.")
    if isinstance(default, timedelta):
        if not _is_number(value, float) or not 1 <= value <= _DAY_S:
            raise _wrong(
                name, value, f"is a number of seconds, from 1 to {_DAY_S:,}", f"as {default.total_seconds():g}"
            )
        return timedelta(seconds=value)
    if isinstance(default, tuple):
        if not isinstance(value, list) or not all(_is_number(one, int) for one in value) or not value:
            raise _wrong(name, value, "is a list of whole numbers", f"as {list(default)}")
        if min(value) < 1 or (default[0] == 1 and value[0] != 1):
            first = ", the first of them 1" if default[0] == 1 else ""
            raise _wrong(name, value, f"is a list of whole numbers from 1 on{first}", f"as {list(default)}")
        return tuple(value)
    if not _is_number(value, type(default)):
        kind = "a number" if isinstance(default, float) else "a whole number"
        raise _wrong(name, value, f"is {kind}", f"as {default}")
    bounds = _bounds(name.rpartition(".")[2].rpartition(" ")[2])
    if not bounds.hold(value):
        raise _wrong(name, value, f"is a number {bounds}", f"as {default}")
    return type(default)(value)


def _is_number(value: object, kind: type) -> bool:
    return isinstance(value, (int, float) if kind is float else int) and not isinstance(value, bool)


def _unknown(name: str, known: list[str], where: str) -> SettingError:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    remedy = f"did you mean {near[0]}?" if near else f"the names are {', '.join(known)}"
    return SettingError(f"{where}{name} is no setting", remedy=remedy, reason="unknown_setting")


def _wrong(name: str, value: object, wanted: str, remedy: str) -> SettingError:
    return SettingError(f"{name} {wanted}, and {value!r} is none", remedy=f"write it {remedy}", reason="bad_setting")


@dataclass(frozen=True, slots=True)
class _Bounds:
    least: float
    most: float = math.inf
    beyond: bool = False
    """Neither bound is a value itself."""

    def hold(self, value: float) -> bool:
        within = self.least < value < self.most if self.beyond else self.least <= value <= self.most
        return within and math.isfinite(value)

    def __str__(self) -> str:
        if self.beyond:
            return f"above {self.least:g}" + (f" and below {self.most:g}" if math.isfinite(self.most) else "")
        return f"from {self.least:g} " + (f"to {self.most:g}" if math.isfinite(self.most) else "on")


_CHANCES: Final = ("p_value", "alpha", "false_share", "quantile")
_SHARES: Final = ("share", "presence", "occupancy")
_AT_LEAST_ONE: Final = frozenset(
    (
        *("history_days", "history_buckets", "share_histories", "island_days", "max_buckets", "hampel_window"),
        *(
            "bin_events",
            "bin_buckets",
            "min_bins_a_day",
            "slots",
            "max_values",
            "max_rows",
            "max_queries",
            "record_values",
        ),
        *("before_minutes", "after_minutes", "min_length"),
    )
)


def _bounds(name: str) -> _Bounds:
    """Of a setting, by what its name says it is."""
    if name.endswith(_CHANCES):
        return _Bounds(0, 1, beyond=True)
    if name.endswith(_SHARES):
        return _Bounds(0, 1)
    if name == "dispersion":
        return _Bounds(0, beyond=True)
    if name == "look_factor":
        return _Bounds(1, beyond=True)
    return _Bounds(1 if name in _AT_LEAST_ONE else 0)

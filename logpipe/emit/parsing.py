"""What a setting may be given as, and what it becomes.

What cannot be used raises ValueError, TypeError or KeyError, or SettingError where there is more to say.
"""

import importlib.util
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from logpipe.emit.compression import has_zstd
from logpipe.emit.levels import LEVELS, level_of
from logpipe.emit.secret_names import SECRET_NAMES, joined
from logpipe.errors import SettingError
from logpipe.record import KEYS

_LEVEL_ALIASES: Final = {"WARN": "WARNING", "FATAL": "CRITICAL"}
_SIZE_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def name(value: object) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", text(value)):
        raise ValueError
    return text(value)


def level(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return level_of(value)
    name = text(value).strip().upper()
    name = _LEVEL_ALIASES.get(name, name)
    if name not in LEVELS:
        raise ValueError
    return name


def folder(value: object) -> Path:
    if not isinstance(value, str | os.PathLike):
        raise TypeError
    return Path(value).absolute()  # a later chdir must not move the logs


def flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    return {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}[
        text(value).strip().lower()
    ]


def console(value: object) -> str:
    if isinstance(value, str) and value.strip().lower() in ("auto", "text", "json"):
        return value.strip().lower()
    return "on" if flag(value) else "off"


def size(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    else:
        match = re.fullmatch(r"(\d+)\s*([KMG]?)i?B?", text(value).strip(), re.IGNORECASE)
        if not match:
            raise ValueError
        size = int(match[1]) * _SIZE_UNITS[match[2].upper()]
    if size < 4096:
        raise ValueError
    return size


def count(value: object) -> int:
    number = int(value) if isinstance(value, str) else value
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise ValueError
    return number


def total(value: object) -> int:
    return 0 if value in (0, "0") and not isinstance(value, bool) else size(value)


def compression(value: object) -> str:
    name = one_of("gzip", "zstd", "none")(value)
    if name == "zstd" and not has_zstd():
        raise SettingError("this Python cannot compress by zstd", remedy="install logpipe[zstd], or give gzip")
    return name


def one_of(*names: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        name = text(value).strip().lower()
        if name not in names:
            raise ValueError
        return name

    return parse


def positive(value: object) -> int:
    number = count(value)
    if number == 0:
        raise ValueError
    return number


def seconds(value: object) -> float:
    number = float(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < float("inf"):
        raise ValueError
    return float(number)


def layout(value: object) -> str:
    name = one_of("auto", "shared", "per_process")(value)
    if name == "shared" and importlib.util.find_spec("logpipe.emit._native") is None:
        raise SettingError("logpipe was installed without its extension in C", remedy="give per_process, or auto")
    return name


def names(value: object) -> tuple[str, ...]:
    """Names to redact: no default one that is not there can go, and no field of the record, which stay by name."""
    given = value.split(",") if isinstance(value, str) else list(value) if isinstance(value, list | tuple) else [None]
    names = tuple(text(name).strip() for name in given)
    known = {joined(name) for name in SECRET_NAMES}
    for name in names:
        if not joined(name) or name in KEYS or (name.startswith("-") and joined(name) not in known):
            raise ValueError
    return names


def patterns(value: object) -> tuple[str, ...]:
    """One regular expression, a list of them, or one in JSON; none that is found everywhere."""
    given = _from_json(value) if isinstance(value, str) else value
    patterns = tuple(text(pattern) for pattern in given) if isinstance(given, list | tuple) else (text(given),)
    for pattern in patterns:
        if _compiled(pattern).search(""):
            raise ValueError
    return patterns


def _from_json(value: str) -> object:
    try:
        known: object = json.loads(value)
    except ValueError:
        return value
    return known if isinstance(known, list) and all(isinstance(pattern, str) for pattern in known) else value


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError from error

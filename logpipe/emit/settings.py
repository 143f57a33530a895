"""The emitter's settings: one table of name, variables, default and meaning.

An argument of `setup_logging` wins over a variable, a variable over the default.
"""

import importlib.util
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from logpipe.emit.compression import has_zstd
from logpipe.emit.levels import LEVELS, level_of
from logpipe.emit.rates import rates_of
from logpipe.emit.secret_names import SECRET_NAMES, joined
from logpipe.errors import SettingError
from logpipe.record import KEYS

PERIODS: Final = {"never": 0, "hour": 3600, "day": 86400}
"""Seconds after which a file is rotated, counted from midnight UTC; 0: never."""

_LEVEL_ALIASES: Final = {"WARN": "WARNING", "FATAL": "CRITICAL"}
_SIZE_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _name(value: object) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", _text(value)):
        raise ValueError
    return _text(value)


def _level(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return level_of(value)
    name = _text(value).strip().upper()
    name = _LEVEL_ALIASES.get(name, name)
    if name not in LEVELS:
        raise ValueError
    return name


def _folder(value: object) -> Path:
    if not isinstance(value, str | os.PathLike):
        raise TypeError
    return Path(value).absolute()  # a later chdir must not move the logs


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    return {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}[
        _text(value).strip().lower()
    ]


def _console(value: object) -> str:
    if isinstance(value, str) and value.strip().lower() in ("auto", "text", "json"):
        return value.strip().lower()
    return "on" if _flag(value) else "off"


def _size(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    else:
        match = re.fullmatch(r"(\d+)\s*([KMG]?)i?B?", _text(value).strip(), re.IGNORECASE)
        if not match:
            raise ValueError
        size = int(match[1]) * _SIZE_UNITS[match[2].upper()]
    if size < 4096:
        raise ValueError
    return size


def _count(value: object) -> int:
    number = int(value) if isinstance(value, str) else value
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise ValueError
    return number


def _total(value: object) -> int:
    return 0 if value in (0, "0") and not isinstance(value, bool) else _size(value)


def _compression(value: object) -> str:
    name = _one_of("gzip", "zstd", "none")(value)
    if name == "zstd" and not has_zstd():
        raise SettingError("this Python cannot compress by zstd", remedy="install logpipe[zstd], or give gzip")
    return name


def _one_of(*names: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        name = _text(value).strip().lower()
        if name not in names:
            raise ValueError
        return name

    return parse


def _positive(value: object) -> int:
    number = _count(value)
    if number == 0:
        raise ValueError
    return number


def _seconds(value: object) -> float:
    number = float(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < float("inf"):
        raise ValueError
    return float(number)


def _layout(value: object) -> str:
    name = _one_of("auto", "shared", "per_process")(value)
    if name == "shared" and importlib.util.find_spec("logpipe.emit._native") is None:
        raise SettingError("logpipe was installed without its extension in C", remedy="give per_process, or auto")
    return name


def _names(value: object) -> tuple[str, ...]:
    """Names to redact: no default one that is not there can go, and no field of the record, which stay by name."""
    given = value.split(",") if isinstance(value, str) else list(value) if isinstance(value, list | tuple) else [None]
    names = tuple(_text(name).strip() for name in given)
    known = {joined(name) for name in SECRET_NAMES}
    for name in names:
        if not joined(name) or name in KEYS or (name.startswith("-") and joined(name) not in known):
            raise ValueError
    return names


def _patterns(value: object) -> tuple[str, ...]:
    """One regular expression, a list of them, or one in JSON; none that is found everywhere."""
    given = _from_json(value) if isinstance(value, str) else value
    patterns = tuple(_text(pattern) for pattern in given) if isinstance(given, list | tuple) else (_text(given),)
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


def _setting(
    default: object, parse: Callable[[object], object], expects: str, meaning: str, *variables: str
) -> Any:  # Any, as `dataclasses.field` itself is typed
    metadata = {"parse": parse, "expects": expects, "meaning": meaning, "variables": variables}
    return field(default=default, metadata=metadata)


_SIZE = "a number of bytes of 4096 or more, such as 1000000, 64K, 100M or 1G"
_FLAG = "true or false"
_NUMBER = "a whole number of 0 or more"
_RATES = "rates from 0 to 1 by level, logger or logger@level, such as DEBUG=0.1,shop.cache=0.01,shop.http@INFO=0.5"
_LEVEL = "one of TRACE, DEBUG, INFO, WARNING, ERROR, CRITICAL"
_POSITIVE = "a whole number of 1 or more"
_NAME = "a name of letters, digits, '.', '_' and '-', at most 100 long"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `setup_logging` does, resolved."""

    service: str = _setting(
        "unknown_service", _name, _NAME, "name of the service, and of its folder in `log_dir`", "LOGPIPE_SERVICE"
    )
    level: str = _setting(
        "INFO",
        _level,
        _LEVEL,
        "the lowest level that is written; business and performance records are always written",
        "LOGPIPE_LEVEL",
        "LOG_LEVEL",
    )
    log_dir: Path = _setting(  # noqa: RUF009 - a dataclass field, which ruff does not see through the function
        "logs", _folder, "a folder", "folder of the services' folders", "LOGPIPE_LOG_DIR"
    )
    console: str = _setting(
        "auto",
        _console,
        "auto, text, json, true or false",
        "`text` on standard error, `json` lines on standard output, or neither; `auto` is text on a terminal, "
        "JSON in a container and else nothing; `true` is `auto` that shows JSON where it would show nothing",
        "LOGPIPE_CONSOLE",
    )
    environment: str | None = _setting(
        None, _text, "a text", "deployment environment, such as production", "LOGPIPE_ENVIRONMENT"
    )
    version: str | None = _setting(None, _text, "a text", "version of the service", "LOGPIPE_VERSION")
    host: str = _setting("", _text, "a text", "name of the machine; by default the system's", "LOGPIPE_HOST")
    max_bytes: int = _setting(100 << 20, _size, _SIZE, "size at which a file is rotated, in bytes", "LOGPIPE_MAX_BYTES")
    rotate_every: str = _setting(
        "day",
        _one_of(*PERIODS),
        "never, hour or day",
        "rotate at the end of each UTC hour or day too",
        "LOGPIPE_ROTATE_EVERY",
    )
    compress: str = _setting(
        "gzip",
        _compression,
        "gzip, zstd or none",
        "how rotated files are compressed; `zstd` needs `logpipe[zstd]` before Python 3.14",
        "LOGPIPE_COMPRESS",
    )
    keep_files: int = _setting(
        100, _count, _NUMBER, "rotated files kept of each file that is written; 0 keeps all", "LOGPIPE_KEEP_FILES"
    )
    keep_days: int = _setting(
        30, _count, _NUMBER, "days for which rotated files are kept; 0 keeps them for ever", "LOGPIPE_KEEP_DAYS"
    )
    max_line_bytes: int = _setting(
        256 << 10, _size, _SIZE, "length from which the texts of a record are cut, in bytes", "LOGPIPE_MAX_LINE_BYTES"
    )
    uncaught: bool = _setting(True, _flag, _FLAG, "log exceptions that nothing caught", "LOGPIPE_UNCAUGHT")
    loguru: bool = _setting(True, _flag, _FLAG, "take loguru's records too", "LOGPIPE_LOGURU")
    keep_bytes: int = _setting(
        0,
        _total,
        f"0 or {_SIZE}",
        "bytes of rotated files kept altogether, the oldest going first; 0 keeps all",
        "LOGPIPE_KEEP_BYTES",
    )
    layout: str = _setting(
        "auto",
        _layout,
        "auto, shared or per_process",
        "whether the processes of a service share its files, or each writes its own; `auto` shares them where that is "
        "safe: on a file system of this machine, with the extension in C",
        "LOGPIPE_LAYOUT",
    )
    durability: str = _setting(
        "process",
        _one_of("process", "errors", "disk"),
        "process, errors or disk",
        "what a record outlives whose call returned: `process` its process, `disk` a power cut, `errors` a power cut "
        "if it is an error",
        "LOGPIPE_DURABILITY",
    )
    sample: Mapping[str, float] | None = _setting(
        None, rates_of, _RATES, "share of records that is written, by level, logger or logger@level", "LOGPIPE_SAMPLE"
    )
    sample_key: str = _setting(
        "request_id",
        _name,
        _NAME,
        "field that tells requests apart, for `sample` and `tail`; where it is missing, `trace_id`",
        "LOGPIPE_SAMPLE_KEY",
    )
    tail: str | None = _setting(
        None,
        _level,
        _LEVEL,
        "level from which a request's records are written all the same if it fails",
        "LOGPIPE_TAIL",
    )
    tail_records: int = _setting(
        200, _positive, _POSITIVE, "records that are held of one request for `tail`", "LOGPIPE_TAIL_RECORDS"
    )
    tail_bytes: int = _setting(
        16 << 20, _size, _SIZE, "memory for what is held of all requests, in bytes", "LOGPIPE_TAIL_BYTES"
    )
    repeat_limit: int | None = _setting(
        None,
        _positive,
        _POSITIVE,
        "records of one message that are written in a window; further ones are counted and told",
        "LOGPIPE_REPEAT_LIMIT",
    )
    repeat_window_s: float = _setting(
        60.0, _seconds, "a number of seconds above 0", "length of that window, in seconds", "LOGPIPE_REPEAT_WINDOW_S"
    )

    @property
    def lowest_level(self) -> str:
        """What the loggers must let through."""
        return self.level if self.tail is None else min(self.level, self.tail, key=LEVELS.__getitem__)

    warnings: bool = _setting(True, _flag, _FLAG, "log Python's warnings", "LOGPIPE_WARNINGS")
    redact: bool = _setting(True, _flag, _FLAG, "write `[redacted]` in place of secrets", "LOGPIPE_REDACT")
    redact_keys: tuple[str, ...] = _setting(
        (),
        _names,
        "names of keys, other than the record's own fields, with a `-` before a default name that is to go",
        "names of secrets beside the default ones, with commas between them; `-name` takes a default one out",
        "LOGPIPE_REDACT_KEYS",
    )
    redact_patterns: tuple[str, ...] = _setting(
        (),
        _patterns,
        "a regular expression that is not found in an empty text, or a list of them",
        "regular expressions of further secrets: one, or a list (in the variable as JSON)",
        "LOGPIPE_REDACT_PATTERNS",
    )


def load(given: Mapping[str, object], environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings from arguments (None: not given), variables (empty: not set) and defaults.

    Raises SettingError, naming the argument or the variable.
    """
    values: dict[str, Any] = {}
    for setting in fields(Settings):
        expects, parse = setting.metadata["expects"], setting.metadata["parse"]
        value, origin = given.get(setting.name), setting.name
        for variable in setting.metadata["variables"]:
            if value is None and environ.get(variable):
                value, origin = environ[variable], variable
        if value is None:
            value = setting.default
        if value is None:
            continue
        try:
            values[setting.name] = parse(value)
        except (ValueError, TypeError, KeyError) as error:
            raise SettingError(f"{origin} is {_shown(value)}", remedy=f"give {expects}") from error
    values["host"] = values["host"] or os.uname().nodename
    return Settings(**values)


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - any class may be given, with any error in its repr
        text = f"of type {type(value).__name__}"
    return text if len(text) <= 80 else text[:80] + "…"

"""The emitter's settings: one table of name, variables, default and meaning.

An argument of `setup_logging` wins over a variable, a variable over the default.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from logpipe.emit import parsing
from logpipe.emit.levels import LEVELS
from logpipe.emit.rates import rates_of
from logpipe.errors import SettingError

PERIODS: Final = {"never": 0, "hour": 3600, "day": 86400}
"""Seconds after which a file is rotated, counted from midnight UTC; 0: never."""


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
        "unknown_service", parsing.name, _NAME, "name of the service, and of its folder in `log_dir`", "LOGPIPE_SERVICE"
    )
    level: str = _setting(
        "INFO",
        parsing.level,
        _LEVEL,
        "the lowest level that is written; business and performance records are always written",
        "LOGPIPE_LEVEL",
        "LOG_LEVEL",
    )
    log_dir: Path = _setting(  # noqa: RUF009 - a dataclass field, which ruff does not see through the function
        "logs", parsing.folder, "a folder", "folder of the services' folders", "LOGPIPE_LOG_DIR"
    )
    console: str = _setting(
        "auto",
        parsing.console,
        "auto, text, json, true or false",
        "`text` on standard error, `json` lines on standard output, or neither; `auto` is text on a terminal, "
        "JSON in a container and else nothing; `true` is `auto` that shows JSON where it would show nothing",
        "LOGPIPE_CONSOLE",
    )
    environment: str | None = _setting(
        None, parsing.text, "a text", "deployment environment, such as production", "LOGPIPE_ENVIRONMENT"
    )
    version: str | None = _setting(None, parsing.text, "a text", "version of the service", "LOGPIPE_VERSION")
    host: str = _setting("", parsing.text, "a text", "name of the machine; by default the system's", "LOGPIPE_HOST")
    max_bytes: int = _setting(
        100 << 20, parsing.size, _SIZE, "size at which a file is rotated, in bytes", "LOGPIPE_MAX_BYTES"
    )
    rotate_every: str = _setting(
        "day",
        parsing.one_of(*PERIODS),
        "never, hour or day",
        "rotate at the end of each UTC hour or day too",
        "LOGPIPE_ROTATE_EVERY",
    )
    compress: str = _setting(
        "gzip",
        parsing.compression,
        "gzip, zstd or none",
        "how rotated files are compressed; `zstd` needs `logpipe[zstd]` before Python 3.14",
        "LOGPIPE_COMPRESS",
    )
    keep_files: int = _setting(
        100,
        parsing.count,
        _NUMBER,
        "rotated files kept of each file that is written; 0 keeps all",
        "LOGPIPE_KEEP_FILES",
    )
    keep_days: int = _setting(
        30, parsing.count, _NUMBER, "days for which rotated files are kept; 0 keeps them for ever", "LOGPIPE_KEEP_DAYS"
    )
    max_line_bytes: int = _setting(
        256 << 10,
        parsing.size,
        _SIZE,
        "length from which the texts of a record are cut, in bytes",
        "LOGPIPE_MAX_LINE_BYTES",
    )
    uncaught: bool = _setting(True, parsing.flag, _FLAG, "log exceptions that nothing caught", "LOGPIPE_UNCAUGHT")
    loguru: bool = _setting(True, parsing.flag, _FLAG, "take loguru's records too", "LOGPIPE_LOGURU")
    keep_bytes: int = _setting(
        0,
        parsing.total,
        f"0 or {_SIZE}",
        "bytes of rotated files kept altogether, the oldest going first; 0 keeps all",
        "LOGPIPE_KEEP_BYTES",
    )
    layout: str = _setting(
        "auto",
        parsing.layout,
        "auto, shared or per_process",
        "whether the processes of a service share its files, or each writes its own; `auto` shares them where that is "
        "safe: on a file system of this machine, with the extension in C",
        "LOGPIPE_LAYOUT",
    )
    durability: str = _setting(
        "process",
        parsing.one_of("process", "errors", "disk"),
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
        parsing.name,
        _NAME,
        "field that tells requests apart, for `sample` and `tail`; where it is missing, `trace_id`",
        "LOGPIPE_SAMPLE_KEY",
    )
    tail: str | None = _setting(
        None,
        parsing.level,
        _LEVEL,
        "level from which a request's records are written all the same if it fails",
        "LOGPIPE_TAIL",
    )
    tail_records: int = _setting(
        200, parsing.positive, _POSITIVE, "records that are held of one request for `tail`", "LOGPIPE_TAIL_RECORDS"
    )
    tail_bytes: int = _setting(
        16 << 20, parsing.size, _SIZE, "memory for what is held of all requests, in bytes", "LOGPIPE_TAIL_BYTES"
    )
    repeat_limit: int | None = _setting(
        None,
        parsing.positive,
        _POSITIVE,
        "records of one message that are written in a window; further ones are counted and told",
        "LOGPIPE_REPEAT_LIMIT",
    )
    repeat_window_s: float = _setting(
        60.0,
        parsing.seconds,
        "a number of seconds above 0",
        "length of that window, in seconds",
        "LOGPIPE_REPEAT_WINDOW_S",
    )

    @property
    def lowest_level(self) -> str:
        """What the loggers must let through."""
        return self.level if self.tail is None else min(self.level, self.tail, key=LEVELS.__getitem__)

    warnings: bool = _setting(True, parsing.flag, _FLAG, "log Python's warnings", "LOGPIPE_WARNINGS")
    redact: bool = _setting(True, parsing.flag, _FLAG, "write `[redacted]` in place of secrets", "LOGPIPE_REDACT")
    redact_keys: tuple[str, ...] = _setting(
        (),
        parsing.names,
        "names of keys, other than the record's own fields, with a `-` before a default name that is to go",
        "names of secrets beside the default ones, with commas between them; `-name` takes a default one out",
        "LOGPIPE_REDACT_KEYS",
    )
    redact_patterns: tuple[str, ...] = _setting(
        (),
        parsing.patterns,
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

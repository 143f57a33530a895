"""Any Python value as JSON: one line of bytes for a record, whatever the application put into it."""

# The modules that are not used are orjson's: it would load them from C, which crashes where Ctrl-C interrupts that.
import dataclasses  # noqa: F401
import datetime  # noqa: F401
import enum  # noqa: F401
import json  # noqa: F401
import math
import uuid  # noqa: F401
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final

import orjson

from logpipe.record import KEYS

Entry = dict[str, object]
"""A record as one flat JSON object, its keys in the record's order."""

TRUNCATED: Final = "truncated_from_bytes"
"""The key that tells how long a line was before its texts were cut."""

_MAX_DEPTH: Final = 20
_INT64_MIN, _UINT64_MAX = -(1 << 63), (1 << 64) - 1


def render(entry: Entry, max_bytes: int) -> bytes:
    """The record's line with its newline, cut where it is longer than `max_bytes`.

    What JSON cannot say is said otherwise: NaN and infinities are null, integers past 64 bits are text, lone surrogates
    are escaped, cycles and what is nested deeper than twenty levels are named and left out.
    """
    try:
        line = orjson.dumps(entry, substitute, orjson.OPT_APPEND_NEWLINE)
    except (TypeError, ValueError, RecursionError):  # orjson refused a value: 1 record in a million, 30 times the cost
        entry = {_key(key): plain(value) for key, value in entry.items()}
        line = _dump(entry)
    return line if len(line) <= max_bytes else _shorten(entry, len(line), max_bytes)


def substitute(value: object) -> object:
    """What stands for a value of a type that JSON does not have."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, AbstractSet):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    return text(value)


def text(value: object) -> str:
    """A value in words; never raises, and never holds a lone surrogate."""
    try:
        words = repr(value) if isinstance(value, BaseException) else str(value)
        return _valid(words)
    except Exception:  # noqa: BLE001 - the application's own __str__ may raise anything
        return f"<unprintable {type(value).__name__}>"


def plain(value: object, depth: int = _MAX_DEPTH, parents: tuple[int, ...] = ()) -> object:
    """The value made of what JSON has, slowly and without fail."""
    try:
        return _plain(value, depth, parents)
    except Exception:  # noqa: BLE001 - what says that it is a number or a text, and is not, raises when taken at its word
        return text(value)


def _plain(value: object, depth: int, parents: tuple[int, ...]) -> object:
    if isinstance(value, str):
        return _valid(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if _INT64_MIN <= value <= _UINT64_MAX else _digits(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, tuple) and type(value) is not tuple:
        return text(value)  # as orjson leaves it to `substitute`: a named tuple says what its values are
    if isinstance(value, Mapping | list | tuple | AbstractSet):
        if id(value) in parents:
            return f"<cycle to {type(value).__name__}>"
        if depth == 0:
            return f"<{type(value).__name__} nested too deep>"
        return _container(value, depth - 1, (*parents, id(value)))
    try:
        known: object = orjson.loads(orjson.dumps(value, substitute))  # dates, UUIDs, enums, dataclasses as ever
    except (TypeError, ValueError, RecursionError):
        return text(value)
    return known


def _container(
    value: Mapping[object, object] | list[object] | tuple[object, ...] | AbstractSet[object],
    depth: int,
    parents: tuple[int, ...],
) -> object:
    try:
        if isinstance(value, Mapping):
            return {_key(key): plain(item, depth, parents) for key, item in list(value.items())}
        return [plain(item, depth, parents) for item in list(value)]
    except Exception:  # noqa: BLE001 - iterating runs the application's code
        return f"<unreadable {type(value).__name__}>"


def _key(key: object) -> str:
    return _valid(key) if isinstance(key, str) else text(key)


def _valid(words: str) -> str:
    return str.encode(words, "utf-8", "backslashreplace").decode("utf-8")  # TypeError for what only claims to be text


def _digits(number: int) -> str:
    try:
        return str(int(number))
    except ValueError:  # past sys.get_int_max_str_digits()
        return hex(number)


def _dump(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def _shorten(entry: Entry, size: int, max_bytes: int) -> bytes:
    """The line with its texts cut, evenly and ever shorter, until it fits; then without its attributes."""
    entry = {_key(key): plain(value) for key, value in entry.items()}
    limit = max_bytes // 2
    while limit >= 64:
        line = _dump({key: _cut(value, limit) for key, value in entry.items()} | {TRUNCATED: size})
        if len(line) <= max_bytes:
            return line
        limit //= 4
    return _dump({key: _cut(entry[key], 64) for key in KEYS if key in entry} | {TRUNCATED: size})


def _cut(value: object, limit: int) -> object:
    if isinstance(value, str):
        if len(value) <= limit:
            return value
        half = limit // 2  # both ends: a stack trace says at its end what went wrong
        return f"{value[:half]} …[{len(value) - 2 * half} characters cut]… {value[-half:]}"
    if isinstance(value, list):
        return [_cut(item, limit) for item in value]
    if isinstance(value, dict):
        return {_cut(key, limit): _cut(item, limit) for key, item in value.items()}
    return value

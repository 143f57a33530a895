"""From what a front end knows to the record: one flat dict, its keys in order, absent rather than null."""

import itertools
import os
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple, TypeGuard, TypeVar

from logpipe.emit import stacktrace
from logpipe.emit.forks import call_in_child
from logpipe.emit.values import Entry, text
from logpipe.record import APP, ERROR, FIELDS

if TYPE_CHECKING:
    from logpipe.emit._native import Writer
    from logpipe.emit.settings import Settings

_T = TypeVar("_T")
ExceptionInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]

_EXCEPTION: Final = frozenset({"exception_type", "exception_message", "exception_stacktrace"})
RESERVED: Final = frozenset(
    {"timestamp", "level", "stream", "service", "environment", "version", "host", "logger", "message", "template"}
    | {"module", "function", "line", "process", "thread", "instance", "seq"}
)
"""The names that the emitter fills."""

RESERVED_WHEN_RAISED: Final = RESERVED | _EXCEPTION
_ERROR_LEVELS: Final = ("ERROR", "CRITICAL")


class Call(NamedTuple):
    """What `log_performance` and `log_business_event` hand on, as the attribute `logpipe_call` of their LogRecord.

    One attribute, because a field of a caller may have any name, and those of a LogRecord's own attributes are refused.
    """

    stream: str
    fields: Mapping[str, object]


class Resource:
    """What all records of this process share, and their count."""

    def __init__(self, settings: "Settings") -> None:
        names = ("service", "environment", "version", "host")
        self.fields: Entry = {name: getattr(settings, name) for name in names if getattr(settings, name)}
        self._writer: Writer | None = None
        self._begin()
        call_in_child(self._begin)

    def _begin(self) -> None:
        self.instance = os.urandom(8).hex()
        """A process's own id; a fork has another."""
        self._numbers = itertools.count(1)
        if self._writer is not None:
            self.count_by(self._writer)

    def count_by(self, writer: "Writer") -> None:
        """Has the fast path count, and know of whom."""
        self._writer = writer
        writer.begin(b',"instance":"%s","seq":' % self.instance.encode(), os.getpid())

    def next_seq(self) -> int:
        """The number of the next record of this instance, from 1."""
        return next(self._numbers) if self._writer is None else self._writer.next_seq()


def stream_of(level: str) -> str:
    """The stream of a record that no call of its own made."""
    return ERROR if level in _ERROR_LEVELS else APP


def timestamp(created: float) -> str:
    """Seconds since 1970 as RFC 3339 in UTC with microseconds."""
    seconds, microseconds = divmod(round(created * 1_000_000), 1_000_000)
    return f"{_second(seconds)}.{microseconds:06d}Z"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def compose(
    head: Entry,
    message: str,
    template: str | None,
    given: Mapping[str, object],
    raised: Entry | None,
    place: Entry,
) -> Entry:
    """The record from its parts; `head` is taken over and added to.

    head:   timestamp, level, stream, what the process shares, logger
    given:  the caller's fields, those of the record and others
    raised: what `describe` says of an exception
    place:  module, function, line, process, thread, instance, seq
    """
    fields, attributes = _sort(given, RESERVED_WHEN_RAISED if raised else RESERVED) if given else ({}, {})
    entry = head
    if "event" in fields:
        entry["event"] = fields.pop("event")
    entry["message"] = message
    if template is not None:
        entry["template"] = template
    if fields:
        entry.update((key, fields[key]) for key in CALLERS if key in fields)
    if raised:
        entry.update(raised)
    entry.update(place)
    entry.update(attributes)
    return entry


def describe(info: ExceptionInfo) -> Entry | None:
    """The fields of an exception, its stack trace with causes and contexts; None where there is no exception."""
    if not isinstance(info, tuple) or len(info) != 3 or not isinstance(info[0], type):
        info = _by_hand(info)
    kind, error, trace = info
    if kind is None:
        return None
    try:
        stack = stacktrace.render(kind, error, trace)
        return {"exception_type": type_name(kind), "exception_message": _said(error), "exception_stacktrace": stack}
    except Exception:  # noqa: BLE001 - three objects that are no exception, or one whose attributes raise
        return {"exception_type": text(kind), "exception_message": text(error)}


def _by_hand(info: object) -> ExceptionInfo:
    """What a LogRecord that no logger made may have for `exc_info`; a logger makes it three."""
    return (type(info), info, info.__traceback__) if isinstance(info, BaseException) else (None, None, None)


def type_name(kind: type[BaseException]) -> str:
    """The exception's class with its module, but for Python's own."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _said(error: BaseException | None) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - the application's own __str__ may raise anything
        return f"<unprintable {type(error).__name__}>"


def _sort(given: Mapping[str, object], reserved: frozenset[str]) -> tuple[Entry, Entry]:
    """The caller's fields, split into those of the record and others.

    One that bears a name of the emitter's, or a value that its column cannot hold, is kept under `name_`.
    """
    fields: Entry = {}
    attributes: Entry = {}
    for name, value in given.items():
        key = name if isinstance(name, str) else text(name)  # a dict given as a message may have any keys
        if key in CALLERS and key not in reserved:
            if value is None:
                continue
            column_value = _fitted(key, value)
            if column_value is not None:
                fields[key] = column_value
                continue
        elif key not in reserved:
            attributes[key] = value
            continue
        key += "_"
        while key in given or key in attributes:
            key += "_"
        attributes[key] = value
    return fields, attributes


def _fitted(key: str, value: object) -> object | None:
    try:
        return _FITTED[key](value)
    except Exception:  # noqa: BLE001 - the application's own comparisons, and `__class__`, may raise anything
        return None


def _is(value: object, kind: type[_T]) -> TypeGuard[_T]:
    """As `isinstance`, but a mock's `__class__` is not believed."""
    return issubclass(type(value), kind)


def _string(value: object) -> str | None:
    return value if _is(value, str) else None if isinstance(value, Mapping | list | tuple | set) else text(value)


def _double(value: object) -> float | None:
    if (_is(value, float) or _is(value, int)) and not _is(value, bool) and abs(value) < 1e300:  # NaN and inf are not
        return value
    return None


def _status(value: object) -> int | None:
    if _is(value, str) and value.isascii() and value.isdigit() and len(value) <= 5:
        value = int(value)
    return int(value) if _is(value, int) and not _is(value, bool) and 0 <= value < 1 << 16 else None


_CONVERT: Final[dict[str, Callable[[object], object | None]]] = {
    "VARCHAR": _string,
    "DOUBLE": _double,
    "USMALLINT": _status,
}
CALLERS: Final = {field.key: field for field in FIELDS if field.key not in RESERVED}
"""The fields that a caller may give, in the record's order."""
_FITTED: Final = {key: _CONVERT[field.sql_type] for key, field in CALLERS.items()}
"""What makes a value fit each of them (None: it cannot)."""

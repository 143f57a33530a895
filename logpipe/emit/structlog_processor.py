"""The front end for structlog: a processor that ends the chain and writes the same lines."""

import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

from logpipe.emit.levels import LEVELS
from logpipe.emit.structlog_event import LEVEL_NAMES
from logpipe.emit.structlog_record import Event, from_structlog
from logpipe.emit.takers import TAKERS

_NUMBERS: Final = {method: LEVELS[level] for method, level in LEVEL_NAMES.items()}
_CALLER_OF_COROUTINE: Final = getattr(structlog.contextvars, "_ASYNC_CALLING_STACK", None)
"""Where structlog keeps the frame that awaits `ainfo` and the like, which log in a thread of their own."""


def structlog_bound_logger(min_level: int) -> type[Any]:
    """A `wrapper_class` as `structlog.make_filtering_bound_logger(min_level)` makes it, whose calls cost less.

    They do where `structlog_processor` ends the chain; a level below that of `setup_logging` costs next to nothing.
    """
    base: type[Any] = structlog.make_filtering_bound_logger(min_level)
    try:
        from logpipe.emit._native import Bound, end_bound_by
    except ImportError:
        return base
    end_bound_by(structlog_processor, structlog.DropEvent)
    calls = {name: call for name, call in vars(Bound).items() if LEVELS.get(name.upper(), 0) >= min_level}
    calls |= {alias: calls[name] for alias, name in _ALIASES.items() if name in calls}
    return type(base.__name__, (base, Bound), calls)


_ALIASES: Final = {"warn": "warning", "fatal": "critical"}


def structlog_processor(logger: Any, method_name: str, event_dict: MutableMapping[str, Any]) -> Any:
    """Ends the chain of structlog's processors: writes the record, and has structlog do nothing more.

    Nothing is written before `setup_logging`.
    """
    number = _NUMBERS.get(method_name, LEVELS["INFO"])
    for least, take in TAKERS:
        if number >= least:
            frame = sys._getframe(1)
            if _CALLER_OF_COROUTINE is not None:
                frame = _CALLER_OF_COROUTINE.get(frame)
            take(from_structlog, Event(logger, method_name, event_dict, frame))
    raise structlog.DropEvent

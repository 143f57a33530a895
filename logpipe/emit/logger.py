"""The classes of loggers while logging is set up: calls that raise nothing, and make no LogRecord that nobody asks for.

Loggers change to them and back by `__class__`; those of the application's own classes stay what they are.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from logpipe.emit._native import Writer

_TAKEN: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}
_EXTRA: Final = 8
"""The place of `extra` among the arguments of `makeRecord`."""


def _renamed(extra: Mapping[str, object]) -> Mapping[str, object]:
    if _TAKEN.isdisjoint(extra):
        return extra
    renamed: dict[str, object] = {}
    for key, value in extra.items():
        name = key
        while name in _TAKEN or (name is not key and (name in extra or name in renamed)):
            name += "_"
        renamed[name] = value
    return renamed


def _made(base: type[logging.Logger]) -> type[logging.Logger]:
    """The class in place of `base`, under its name: it stands in the repr of loggers."""

    def make_record(self: logging.Logger, *args: Any, **kwargs: Any) -> logging.LogRecord:
        """An extra may have any name: one that is an attribute of LogRecords gets an underscore."""
        if len(args) > _EXTRA and isinstance(args[_EXTRA], Mapping):
            args = (*args[:_EXTRA], _renamed(args[_EXTRA]), *args[_EXTRA + 1 :])
        return base.makeRecord(self, *args, **kwargs)

    return type(base.__name__, (base,), {"makeRecord": make_record, **_calls()})


def _calls() -> dict[str, object]:
    try:
        from logpipe.emit._native import calls
    except ImportError:
        return {}
    return {**calls, "fatal": calls["critical"]}


Logger: Final = _made(logging.Logger)
RootLogger: Final = _made(logging.RootLogger)
_OURS: Final = {logging.Logger: Logger, logging.RootLogger: RootLogger}
_PLAIN: Final = {ours: plain for plain, ours in _OURS.items()}


def install(
    writer: "Writer | None", handler: logging.Handler, detached: Iterable[logging.Logger]
) -> Callable[[], None]:
    """Changes the classes of all loggers, and of those to come; gives the way back.

    writer:   takes the calls of loggers that have only `handler`; None: all calls make LogRecords
    detached: loggers that no logger manager knows
    """
    loggers = [*detached]
    _change(loggers, _OURS)
    if logging.getLoggerClass() is logging.Logger:
        logging.setLoggerClass(Logger)
    if writer is not None:
        from logpipe.emit._native import activate

        activate(writer, handler, Logger, RootLogger)

    def restore() -> None:
        if writer is not None:
            from logpipe.emit._native import deactivate

            deactivate(handler)
        if logging.getLoggerClass() is Logger:
            logging.setLoggerClass(logging.Logger)
        _change(loggers, _PLAIN)

    return restore


def _change(detached: Iterable[logging.Logger], classes: Mapping[type, type]) -> None:
    known = [*logging.Logger.manager.loggerDict.values(), logging.root, *detached]
    for logger in known:
        changed = classes.get(type(logger))
        if changed is not None:
            logger.__class__ = changed  # of the same layout

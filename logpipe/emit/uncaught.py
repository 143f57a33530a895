"""Exceptions that nothing caught: in the main thread, in others, and where Python can only ignore them."""

import logging
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final

from logpipe.emit.hooks import stand_before
from logpipe.emit.values import text

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_LOGGER: Final = "uncaught"
_LEAVING: Final = (KeyboardInterrupt, SystemExit, GeneratorExit)


def install() -> Callable[[], None]:
    """Logs uncaught exceptions, then does what was done before; gives the way back."""
    ways_back = [
        stand_before(sys, "excepthook", _log_uncaught),
        stand_before(threading, "excepthook", _log_uncaught_in_thread),
        stand_before(sys, "unraisablehook", _log_unraisable),
    ]

    def restore() -> None:
        for way_back in ways_back:
            way_back()

    return restore


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    _log(logging.CRITICAL, "uncaught exception", (kind, error, trace), {})


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    _log(logging.ERROR, "uncaught exception in a thread", (args.exc_type, args.exc_value, args.exc_traceback), {})


def _log_unraisable(args: "UnraisableHookArgs") -> None:
    """In a `__del__`, in a callback of a weak reference or of C, at the end of a generator.

    https://docs.python.org/3/library/sys.html#sys.unraisablehook: neither the exception nor the object may be kept.
    """
    fields = {} if args.object is None else {"ignored_in": text(args.object)}
    _log(
        logging.ERROR, args.err_msg or "exception ignored", (args.exc_type, args.exc_value, args.exc_traceback), fields
    )


def _log(
    level: int,
    message: str,
    info: tuple[type[BaseException], BaseException | None, TracebackType | None],
    fields: dict[str, str],
) -> None:
    """A record whose place is the line that raised, not the hook."""
    kind, error, trace = info
    logger = logging.getLogger(_LOGGER)
    if error is None or _is_leaving(error) or not logger.isEnabledFor(level):
        return
    path, line, function = "", 0, ""
    while trace is not None:
        path, line, function = trace.tb_frame.f_code.co_filename, trace.tb_lineno, trace.tb_frame.f_code.co_name
        trace = trace.tb_next
    exc_info = (kind, error, info[2])
    logger.handle(logger.makeRecord(_LOGGER, level, path, line, message, (), exc_info, function, fields))


def _is_leaving(error: BaseException) -> bool:
    """Whether it is how a program or a generator is left, and no failure."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(_LEAVING)[1] is None
    return isinstance(error, _LEAVING)

"""Exceptions that nothing caught, in the main thread and in others."""

import logging
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final

_LOGGER: Final = "uncaught"


def install() -> Callable[[], None]:
    """Logs uncaught exceptions, then does what was done before; gives the way back."""
    previous, previous_in_thread = sys.excepthook, threading.excepthook

    def log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, Exception):
            _log(logging.CRITICAL, "uncaught exception", kind, error, trace)
        previous(kind, error, trace)

    def log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
        if issubclass(args.exc_type, Exception) and args.exc_value is not None:
            _log(logging.ERROR, "uncaught exception in a thread", args.exc_type, args.exc_value, args.exc_traceback)
        previous_in_thread(args)

    def restore() -> None:
        if sys.excepthook is log_uncaught:  # else another hook stands before it, and calls it
            sys.excepthook = previous
        if threading.excepthook is log_uncaught_in_thread:
            threading.excepthook = previous_in_thread

    sys.excepthook, threading.excepthook = log_uncaught, log_uncaught_in_thread
    return restore


def _log(
    level: int, message: str, kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """A record whose place is the line that raised, not the hook."""
    path, line, function = "", 0, ""
    last = trace
    while last is not None:
        path, line, function = last.tb_frame.f_code.co_filename, last.tb_lineno, last.tb_frame.f_code.co_name
        last = last.tb_next
    logger = logging.getLogger(_LOGGER)
    if logger.isEnabledFor(level):
        logger.handle(logger.makeRecord(_LOGGER, level, path, line, message, (), (kind, error, trace), function))

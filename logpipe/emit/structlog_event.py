"""What stands in an event dict of structlog, whether its own chain or `logging` brings it."""

import sys
from collections.abc import Mapping
from typing import Final

from logpipe.emit.entry import ExceptionInfo, describe
from logpipe.emit.values import Entry, text

LEVEL_NAMES: Final = {
    "debug": "DEBUG",
    "info": "INFO",
    "msg": "INFO",
    "warning": "WARNING",
    "warn": "WARNING",
    "error": "ERROR",
    "err": "ERROR",
    "exception": "ERROR",
    "failure": "ERROR",
    "critical": "CRITICAL",
    "fatal": "CRITICAL",
    "trace": "TRACE",
}
"""The record's level of each method of structlog's loggers."""


def take_message(given: dict[str, object]) -> tuple[str, str | None]:
    """Takes out the message and, where arguments were not put into it yet, its template."""
    event = given.pop("event", "")
    args = given.pop("positional_args", None)
    if not args:
        return text(event), None
    template = text(event)
    try:
        one = isinstance(args, tuple) and len(args) == 1 and isinstance(args[0], Mapping) and args[0]
        return text(template % (one or args)), template
    except Exception as error:  # noqa: BLE001 - formatting runs the application's code
        given["format_error"] = text(error)
        return f"{template} {text(args)}", template


def take_exception(given: dict[str, object]) -> Entry | None:
    """Takes out the exception, or the stack trace that structlog's `format_exc_info` made of one."""
    info = given.pop("exc_info", None)
    if info:
        return describe(_exception_info(info))
    rendered = given.get("exception")
    if isinstance(rendered, str) and "Traceback (most recent call last)" in rendered:
        del given["exception"]
        return {"exception_stacktrace": rendered}
    return None


def _exception_info(value: object) -> ExceptionInfo:
    """Of an exception, of what `sys.exc_info` gave, or of what is handled now."""
    if isinstance(value, BaseException):
        return type(value), value, value.__traceback__
    if isinstance(value, tuple) and len(value) == 3 and isinstance(value[1], BaseException | None):
        return value
    return sys.exc_info()

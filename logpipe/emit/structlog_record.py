"""The record of an event of structlog; nothing of structlog is loaded for it."""

import logging
import os
import threading
import time
import traceback
from collections.abc import MutableMapping
from functools import lru_cache
from types import FrameType
from typing import Any, NamedTuple

from logpipe.emit import context
from logpipe.emit.entry import Resource, compose, stream_of, timestamp
from logpipe.emit.structlog_event import LEVEL_NAMES, take_exception, take_message
from logpipe.emit.values import Entry, text


class Event(NamedTuple):
    """What structlog hands to a processor, and a frame of the call."""

    logger: object
    method: str
    fields: MutableMapping[str, Any]
    frame: FrameType


def from_structlog(event: Event, resource: Resource) -> Entry:
    """The record of an event."""
    given: dict[str, object] = dict(event.fields)
    frame = _caller(event.frame)
    level = _take_level(event.method, given)
    name = _take_name(event.logger, given) or frame.f_globals.get("__name__")
    message, template = take_message(given)
    raised = take_exception(given)
    if given.pop("stack_info", None):
        given["stack"] = "Stack (most recent call last):\n" + "".join(traceback.format_stack(frame)).rstrip("\n")
    head: Entry = {
        "timestamp": timestamp(time.time()),
        "level": level,
        "stream": stream_of(level),
        **resource.fields,
    }
    if name:
        head["logger"] = text(name)
    return compose(head, message, template, context.around(given), raised, _place(frame, resource))


def _caller(frame: FrameType) -> FrameType:
    """The innermost frame outside of structlog."""
    while frame.f_globals.get("__name__", "").startswith("structlog.") and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _take_level(method: str, given: dict[str, object]) -> str:
    """By the method that was called, unless a processor said otherwise."""
    said = given.get("level")
    if isinstance(said, str) and (level := LEVEL_NAMES.get(said.lower())):
        del given["level"]
        return level
    if method not in LEVEL_NAMES:
        given["level_name"] = method.upper()
    return LEVEL_NAMES.get(method, "INFO")


def _take_name(logger: object, given: dict[str, object]) -> str | None:
    for key in ("logger", "logger_name"):
        if isinstance(given.get(key), str):
            return text(given.pop(key))
    name = getattr(logger, "name", None)
    return name if isinstance(name, str) and logger is not logging.root else None


def _place(frame: FrameType, resource: Resource) -> Entry:
    return {
        "module": _module(frame.f_code.co_filename),
        "function": frame.f_code.co_name,
        "line": frame.f_lineno,
        "process": os.getpid(),
        "thread": threading.current_thread().name,
        "instance": resource.instance,
        "seq": resource.next_seq(),
    }


@lru_cache(maxsize=1024)
def _module(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]

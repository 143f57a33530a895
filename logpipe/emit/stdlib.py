"""The front end for `logging`: from a LogRecord to the record, and the handler that takes it."""

import logging
from collections.abc import Callable
from typing import Final

from logpipe.emit import context, tracing
from logpipe.emit.entry import Call, Resource, compose, describe, stream_of, timestamp
from logpipe.emit.levels import LEVELS, level_of
from logpipe.emit.servers import ACCESS_LOGGERS, read_server_fields
from logpipe.emit.structlog_event import take_exception, take_message
from logpipe.emit.values import Entry, text

STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "color_message",  # uvicorn's second copy of the message
    "otelServiceName",  # of OpenTelemetry's factory of LogRecords, as is what follows
    "otelTraceSampled",
    "logpipe_call",
}
"""The attributes of a LogRecord that are no fields."""
_TRACE: Final = "\nTraceback (most recent call last):\n"
_LEVEL_BY_NUMBER: Final = {number: name for name, number in LEVELS.items()}


Take = Callable[[Callable[[logging.LogRecord, Resource], Entry], logging.LogRecord], None]
"""How an emitter takes LogRecords."""


class LogpipeHandler(logging.Handler):
    """Hands each LogRecord to the emitter."""

    def __init__(self, take: Take) -> None:
        super().__init__()
        self._take = take

    def createLock(self) -> None:  # noqa: N802 - logging's name
        """No lock: the files have their own, and a signal handler that logs must not wait for this one."""
        self.lock = None

    def handle(self, record: logging.LogRecord) -> bool:
        """Writes the record if the filters let it pass; that of `logging` fails without a lock from Python 3.13 on."""
        passed = self.filter(record)
        if passed:
            self.emit(passed if isinstance(passed, logging.LogRecord) else record)  # a filter of 3.12 may replace it
        return bool(passed)

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the record; never raises."""
        self._take(from_log_record, record)


def from_log_record(record: logging.LogRecord, resource: Resource) -> Entry:
    """The record of a LogRecord."""
    attributes = record.__dict__
    call: Call | None = attributes.get("logpipe_call")
    level = _LEVEL_BY_NUMBER.get(record.levelno) or level_of(record.levelno)
    given: dict[str, object] = {key: value for key, value in attributes.items() if key not in STANDARD}
    if "level" in given or "logger" in given:
        _forget_echoes(record, given)
    if "request" in given or record.name in ACCESS_LOGGERS:
        read_server_fields(record, given)
    if record.levelno not in _LEVEL_BY_NUMBER:
        given["level_name"] = record.levelname
    if record.stack_info:
        given["stack"] = record.stack_info
    if call is not None:
        given.update(call.fields)
    message, template = _message(record, given)
    given = context.around(given, tracing.carried(given) if "otelTraceID" in given else None)
    raised = describe(record.exc_info) if record.exc_info else None
    if not record.exc_info and record.exc_text:  # a QueueHandler rendered it in another process
        raised = {"exception_stacktrace": record.exc_text}
    if record.args is None and _TRACE in message:  # another QueueHandler put it there
        message, _, stack = message.partition(_TRACE)
        raised = {"exception_stacktrace": _TRACE[1:] + stack}
    if isinstance(record.msg, dict):
        theirs = take_exception(given)
        raised = raised or theirs
    head: Entry = {
        "timestamp": timestamp(record.created),
        "level": level,
        "stream": call.stream if call is not None else stream_of(level),
        **resource.fields,
        "logger": record.name,
    }
    return compose(head, message, template, given, raised, _place(record, resource))


def _message(record: logging.LogRecord, given: dict[str, object]) -> tuple[str, str | None]:
    """The message and, where arguments were put into it, its template; a message that is a dict is fields."""
    if isinstance(record.msg, dict):
        given.update(record.msg)
        _forget_echoes(record, given)
        if isinstance(given.get("_logger"), logging.Logger) and given.pop("_name", None):
            del given["_logger"]  # both of structlog's ProcessorFormatter.wrap_for_formatter
            return take_message(given)
        return text(given.pop("message", given.get("event", ""))), None
    if not record.args:
        return text(record.msg), None
    template = text(record.msg)
    try:
        return text(record.getMessage()), template
    except Exception as error:  # noqa: BLE001 - formatting runs the application's code
        given["format_error"] = text(error)
        return f"{template} {text(record.args)}", template


def _forget_echoes(record: logging.LogRecord, given: dict[str, object]) -> None:
    """Without what structlog's `add_log_level` and `add_logger_name` say of the record once more."""
    for key, said in (("level", record.levelname.lower()), ("logger", record.name)):
        if isinstance(given.get(key), str) and given[key] == said:
            del given[key]


def _place(record: logging.LogRecord, resource: Resource) -> Entry:
    place: Entry = {"module": record.module, "function": record.funcName, "line": record.lineno}
    if record.process is not None:
        place["process"] = record.process
    if record.threadName is not None:
        place["thread"] = record.threadName
    place["instance"] = resource.instance
    place["seq"] = resource.next_seq()
    return place

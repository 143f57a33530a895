"""Fields that all records of a request, a job or a task share."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from logpipe.emit import tracing

_NOTHING: Final[Mapping[str, object]] = {}
_FIELDS: Final[ContextVar[Mapping[str, object]]] = ContextVar("logpipe_context", default=_NOTHING)


@contextmanager
def log_context(**fields: object) -> Iterator[None]:
    """Adds the fields to every record logged inside, over those of an outer context.

    Follows asyncio tasks by itself, and threads that run in a `contextvars.copy_context()`.
    """
    token = _FIELDS.set({**_FIELDS.get(), **fields})
    try:
        yield
    finally:
        _FIELDS.reset(token)


def around(given: dict[str, object], span: Mapping[str, object] | None = None) -> dict[str, object]:
    """What is given, over the fields of the contexts around the caller, over the ids of the active span.

    `span` are ids in place of the active span's. Where a trace's id is given, a span's stay away: they would be of
    another trace.
    """
    fields = _FIELDS.get()
    if "trace_id" in given or "trace_id" in fields:
        span = _NOTHING
    elif span is None:
        span = tracing.ids()
    return {**span, **fields, **given} if span or fields else given

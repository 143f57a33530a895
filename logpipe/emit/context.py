"""Fields that all records of a request, a job or a task share."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Final

from logpipe.emit import tracing

Begin = Callable[[Mapping[str, object]], Callable[[bool], None]]
"""Is told all fields inside a context that begins; what it gives is told, at the context's end, whether it failed."""

_NOTHING: Final[Mapping[str, object]] = {}
FIELDS: Final[ContextVar[Mapping[str, object]]] = ContextVar("logpipe_context", default=_NOTHING)
_FOLLOWERS: Final[list[Begin]] = []


@contextmanager
def log_context(**fields: object) -> Iterator[None]:
    """Adds the fields to every record logged inside, over those of an outer context.

    Follows asyncio tasks by itself, and threads that run in a `contextvars.copy_context()`.
    """
    all_fields = {**FIELDS.get(), **fields}
    token = FIELDS.set(all_fields)
    ends = [begin(all_fields) for begin in _FOLLOWERS]
    failed = False
    try:
        yield
    except Exception:  # not where a task is cancelled or the process is told to end: nothing is wrong with the request
        failed = True
        raise
    finally:
        for end in ends:
            end(failed)
        with suppress(ValueError):  # a generator was closed in another context
            FIELDS.reset(token)


def around(given: dict[str, object], span: Mapping[str, object] | None = None) -> dict[str, object]:
    """What is given, over the fields of the contexts around the caller, over the ids of the active span.

    `span` are ids in place of the active span's. Where a trace's id is given, a span's stay away: they would be of
    another trace.
    """
    fields = FIELDS.get()
    if "trace_id" in given or "trace_id" in fields:
        span = _NOTHING
    elif span is None:
        span = tracing.ids()
    return {**span, **fields, **given} if span or fields else given


def follow(begin: Begin) -> Callable[[], None]:
    """Has `begin` told of each context from now on; gives the way back."""
    _FOLLOWERS.append(begin)
    return lambda: _FOLLOWERS.remove(begin)

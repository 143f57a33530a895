"""Fields that all records of a request, a job or a task share."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

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


def current() -> Mapping[str, object]:
    """The fields of the contexts around the caller."""
    return _FIELDS.get()

"""The front end for loguru: its records become the same lines, without its own formatting."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from logpipe.emit import context
from logpipe.emit.entry import Resource, compose, describe, stream_of, timestamp
from logpipe.emit.levels import LEVELS, level_of
from logpipe.emit.values import Entry

if TYPE_CHECKING:
    from loguru import Record

    from logpipe.emit._native import Writer


class Take(Protocol):
    """How an emitter takes loguru's records."""

    def __call__(self, build: Callable[["Record", Resource], Entry], source: "Record") -> None: ...


def install(take: Take, level: str, writer: "Writer | None") -> Callable[[], None]:
    """Has loguru hand its records to `take`, in place of its default sink on standard error; gives the way back.

    Other sinks that the application added stay. `writer` is the fast path of `take`.
    """
    _remove(0)  # the number of the default sink
    return listen(take, level, writer)


def listen(take: Take, level: str, writer: "Writer | None" = None) -> Callable[[], None]:
    """Has loguru hand its records to `take`, too; gives the way back."""
    from loguru import logger

    sink = logger.add(_write_nothing, level=LEVELS[level], filter=_filter(take, writer), format="", catch=True)
    return lambda: _remove(sink)


def _filter(take: Take, writer: "Writer | None") -> Callable[["Record"], bool]:
    if writer is None:
        return _Filter(take)
    from logpipe.emit._native import Filter

    return Filter(writer, take, from_loguru, _Filter)


class _Filter:
    """Takes each record, and refuses it: that spares loguru's formatting, which would cost as much again.

    loguru's logger is pickled for processes that are spawned; the copy takes nothing, as such a process sets up for
    itself.
    """

    def __init__(self, take: Take | None = None) -> None:
        self._take = take

    def __call__(self, record: "Record") -> bool:
        if self._take is not None:
            self._take(from_loguru, record)
        return False

    def __reduce__(self) -> tuple[type["_Filter"], tuple[()]]:
        return _Filter, ()


def _write_nothing(_message: object) -> None:
    """The sink behind a filter that lets nothing through."""


def _remove(sink: int) -> None:
    from loguru import logger

    with suppress(ValueError):  # the application removed it
        logger.remove(sink)


def from_loguru(record: "Record", resource: Resource) -> Entry:
    """The record of one of loguru's."""
    number, name = record["level"].no, record["level"].name
    level = level_of(number)
    extra: Mapping[str, object] = record["extra"]
    given = context.around(dict(extra))
    if name != level:
        given["level_name"] = name
    raised = record["exception"]
    head: Entry = {
        "timestamp": timestamp(record["time"].timestamp()),
        "level": level,
        "stream": stream_of(level),
        **resource.fields,
    }
    if record["name"]:
        head["logger"] = record["name"]
    place: Entry = {
        "module": record["module"],
        "function": record["function"],
        "line": record["line"],
        "process": record["process"].id,
        "thread": record["thread"].name,
        "instance": resource.instance,
        "seq": resource.next_seq(),
    }
    info = describe((raised.type, raised.value, raised.traceback)) if raised else None
    return compose(head, record["message"], None, given, info, place)

"""What the C of the fast path is told: a `Writer`, made of what the Python path goes by.

Both write the same bytes for the same record; the Python path is the one that can do all.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson

from logpipe.emit import context, tracing
from logpipe.emit.entry import CALLERS, RESERVED, Resource, describe
from logpipe.emit.levels import LEVELS
from logpipe.emit.loguru_sink import from_loguru
from logpipe.emit.secret_texts import MARK
from logpipe.emit.servers import ACCESS_LOGGERS
from logpipe.emit.stdlib import STANDARD, from_log_record
from logpipe.emit.structlog_record import from_structlog
from logpipe.emit.values import Entry, substitute

if TYPE_CHECKING:
    from logpipe.emit._native import Writer
    from logpipe.emit.console import Console
    from logpipe.emit.emitter import Emitter
    from logpipe.emit.files import StreamFile
    from logpipe.emit.redaction import Redaction
    from logpipe.emit.settings import Settings

SYNCED: Final = {"process": (), "errors": ("ERROR", "CRITICAL"), "disk": tuple(LEVELS)}
"""The levels whose records are on the disk when their calls return, by the setting `durability`."""

_ATTRIBUTE, _HIDDEN, _UNUSUAL, _STANDARD = -1, -2, -3, -4
_KINDS: Final = {"VARCHAR": 0, "DOUBLE": 1, "USMALLINT": 2}
_PLACES: Final = {key: place for place, key in enumerate(CALLERS)}


def writer_of(
    host: "Emitter",
    settings: "Settings",
    resource: Resource,
    files: Mapping[str, "StreamFile"],
    console: "Console",
    redaction: "Redaction",
) -> "Writer | None":
    """The writer of an emitter; None where the extension is missing, or a person reads each record on a terminal."""
    if console.style == "text":
        return None
    try:
        from logpipe.emit._native import Writer
    except ImportError:
        return None
    return Writer(
        host=host,
        files=tuple(files.values()),
        context=context.FIELDS,
        unusual=frozenset(ACCESS_LOGGERS),
        classify=partial(_classify, redaction),
        describe=describe,
        dumps=orjson.dumps,
        substitute=substitute,
        walk=redaction.nested if redaction.enabled else None,
        span=tracing.ids,
        shown=console.show_line if console.style == "json" else None,
        resource=_fragment(resource.fields),
        hidden=MARK,
        slots=tuple((key, _KINDS[field.sql_type]) for key, field in CALLERS.items()),
        first_of_exception=_PLACES["exception_type"],
        literals=redaction.literals if redaction.enabled else (),
        digits=redaction.digits if redaction.enabled else 0,
        suspect_all=redaction.has_patterns,
        max_line_bytes=settings.max_line_bytes,
        sync_from=len(LEVELS) - len(SYNCED[settings.durability]),
    )


def fast_path(writer: "Writer | None") -> Mapping[Callable[..., Entry], Callable[[Any], bool]]:
    """What of the writer does the work of each function that builds a record."""
    if writer is None:
        return {}
    return {from_log_record: writer.handle, from_loguru: writer.loguru, from_structlog: writer.structlog}


def _classify(redaction: "Redaction", key: str) -> int:
    if key in STANDARD:
        return _STANDARD
    if key in _PLACES:
        return _PLACES[key]
    if key in RESERVED or key in tracing.CARRIED or key == "request" or not redaction.keeps(key):
        return _UNUSUAL
    return _HIDDEN if redaction.hides(key) else _ATTRIBUTE


def _fragment(fields: Mapping[str, object]) -> bytes:
    """The fields as they stand in the middle of an object."""
    return b"," + orjson.dumps(fields)[1:-1] if fields else b""

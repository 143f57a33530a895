"""The emitter's fast path, in C; see logpipe/emit/native."""

import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

class SharedFile:
    """One stream's file, appended to by any number of threads and processes of one machine, rotated by rename.

    Writers take turns by a robust mutex in a page of memory that they share, `.app.jsonl.lock` beside `app.jsonl`.
    """

    path: Path
    def __init__(self, path: Path, *, max_bytes: int, period_s: int) -> None: ...
    def append(self, line: bytes) -> bool:
        """Writes the line; whether the file was rotated before. Raises OSError where nothing of the line is in it."""

    def open(self) -> None: ...
    def sync(self) -> None: ...
    def close(self) -> None: ...

class Writer:
    """From what front ends know to a line in a stream's file.

    Each source is written, or it gives False: the Python path must see to it, and nothing has happened.
    """

    attention: bool
    """Whether `host.attend` is to be called after the next record."""

    def __init__(
        self,
        *,
        host: object,
        files: tuple[object, ...],
        context: ContextVar[Mapping[str, object]],
        unusual: frozenset[str],
        classify: Callable[[str], int],
        describe: Callable[[Any], dict[str, object] | None],
        dumps: Callable[..., bytes],
        substitute: Callable[[object], object],
        walk: Callable[[object], object] | None,
        span: Callable[[], Mapping[str, str]],
        shown: Callable[[bytes], None] | None,
        resource: bytes,
        hidden: str,
        slots: tuple[tuple[str, int], ...],
        first_of_exception: int,
        literals: tuple[bytes, ...],
        digits: int,
        suspect_all: bool,
        max_line_bytes: int,
        sync_from: int,
    ) -> None: ...
    def begin(self, instance: bytes, process: int) -> None:
        """Numbers records from 1 again."""

    def next_seq(self) -> int: ...
    def handle(self, record: logging.LogRecord) -> bool: ...
    def loguru(self, record: Mapping[str, Any]) -> bool: ...
    def structlog(self, event: tuple[Any, ...]) -> bool: ...

calls: dict[str, Any]
"""Methods of loggers by name, `debug` to `log`: without a LogRecord where none but our handler would see it."""

def activate(writer: Writer, handler: logging.Handler, logger: type, root: type) -> None:
    """Has calls of exactly these classes of loggers go to the writer, where `handler` is the only one they have."""

def deactivate(handler: logging.Handler) -> None: ...

class Bound:
    """A mixin of structlog's bound loggers: `debug` to `critical`, without Python where the chain ends with ours."""

def activate_bound(writer: Writer, takers: list[Any], level: int) -> None:
    """Has events from a level on go to the writer, where nobody else is among `takers`."""

def deactivate_bound(writer: Writer) -> None: ...
def end_bound_by(processor: Callable[..., Any], drop: type[BaseException]) -> None:
    """Says which processor ends a chain, and what one raises to end it."""

class Filter:
    """A filter for loguru: each record goes to the writer, else to `take`, and is refused; pickled it is `copy()`."""

    def __init__(
        self, writer: Writer, take: Callable[..., None], build: Callable[..., Any], copy: Callable[[], object], /
    ) -> None: ...
    def __call__(self, record: Mapping[str, Any], /) -> bool: ...

def within(function: Callable[..., object], /, *args: object) -> bool:
    """Calls the function one record deeper; False where that is too deep, and it was not called."""

MOST_NESTED: int

def file_system(path: str) -> int:
    """The kind of the file system that a path is on, as statfs(2) numbers them."""

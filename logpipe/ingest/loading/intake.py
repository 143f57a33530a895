"""The new bytes of files into the store: cut into chunks, made rows of, and committed."""

import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import duckdb

from logpipe.errors import InputError, StoreError
from logpipe.ingest.files.discovery import LogFile
from logpipe.ingest.files.ending import Ending
from logpipe.ingest.files.flow import CHUNK_BYTES, Flow
from logpipe.ingest.files.reader import Reader, Remembered
from logpipe.ingest.files.source import Source
from logpipe.ingest.loading.ahead import ahead
from logpipe.ingest.loading.chunk import Batch, Entry
from logpipe.ingest.loading.chunk_maker import ChunkMaker
from logpipe.ingest.loading.clock import Clock
from logpipe.ingest.loading.convert import Converter
from logpipe.ingest.loading.cut import Cut
from logpipe.ingest.loading.loader import loaded
from logpipe.ingest.options import Options, Progress, Summary
from logpipe.ingest.telemetry import Telemetry
from logpipe.store import Store
from logpipe.store.patience import waiting_for_memory
from logpipe.store.rollup import operations

LONG_BYTES = CHUNK_BYTES // 4
"""Of a file with more to take, the next chunk is read and cut in a thread, while rows are made of the present.
Several files that are taken together have no more than this in all."""


@dataclass(slots=True)
class Portion:
    """What to take of a file: all whole lines behind its source's offset, and the last one where `ending` says so."""

    reader: Reader
    source: Source
    file: LogFile
    ending: Ending
    most_bytes: int = sys.maxsize
    """Or a little more."""
    error: InputError | None = None
    """Why it was not taken to its end: reading failed, or DuckDB could not make rows of the lines."""


class Intake:
    """Takes in files, as many in one transaction as make a row group."""

    def __init__(
        self, store: Store, options: Options, summary: Summary, progress: Progress, telemetry: Telemetry
    ) -> None:
        self._store = store
        self._telemetry = telemetry
        self._converter = self._new_converter()
        self._options = options
        self._summary = summary
        self._progress = progress

    def _new_converter(self) -> Converter:
        return Converter(self._last_time, operations(self._store.connection), self._last_header)

    def take(self, portions: Sequence[Portion]) -> None:
        """Load what files hold behind the offsets of their sources; of each at most one portion.

        What went wrong with a file is told by its portion, and the others are taken all the same.

        Raises:
            StoreError: the store refused; what was committed before is safe.
        """
        try:
            self._take(portions)
        except (StoreError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the other files go on
            if len(portions) == 1:
                portions[0].error = _error_of(portions[0], error)
                return
            for portion in portions:  # each by itself, to know whose it is
                self.take([portion])

    def take_remembered(self, source: Source, file: LogFile) -> None:
        """Load the end that waited in memory, of a file that was overwritten meanwhile: no more of it will come."""
        if source.waiting is None:
            return
        start, looked_at = source.offset - len(source.waiting.tail), source.looked_at
        with Remembered(source.path, start, source.waiting.tail + source.waiting.data) as reader:
            portion = Portion(reader, source, file, Ending(whole_record=True, whole_line=True))
            self.take([portion])
        source.looked_at = looked_at
        if portion.error is not None:
            raise portion.error

    @waiting_for_memory
    def _take(self, portions: Sequence[Portion]) -> None:
        self._take_once(portions)

    def _take_once(self, portions: Sequence[Portion]) -> None:
        sources = {portion.source.source_id: portion.source for portion in portions}
        clock = Clock(self._converter.convert)
        try:
            with closing(self._batches(portions, clock)) as batches:
                for entries in self._loaded(batches):
                    for entry in entries:
                        sources[entry.span.source_id].advance(entry.span)
                        self._telemetry.count(entry.span, entry.rejects, clock.committed())
                        self._count(entry)
                    self._store.drop_cache()
        except Exception:
            with suppress(duckdb.Error):  # the handle may be dead; then this one is not used again
                self._converter = self._new_converter()  # the old one went ahead of what could be committed
            raise

    def _batches(self, portions: Sequence[Portion], clock: Clock) -> Generator[Batch, None, None]:
        for portion in portions:
            source, reader = portion.source, portion.reader
            flow = Flow(reader, source.offset)
            make = ChunkMaker(source, portion.file, self._options, portion.ending)
            chunks = iter(Cut(flow, source, make, self._converter.begins, source.offset + portion.most_bytes))
            source.waiting, source.waiting_bytes, source.looked_at = None, 0, None
            long = portion.file.size - source.offset > LONG_BYTES or reader.compression is not None
            with closing(ahead(chunks) if long else chunks) as read:
                yield from map(clock, read)

    def _loaded(self, batches: Iterator[Batch]) -> Iterator[Sequence[Entry]]:
        """What was committed of the batches, transaction by transaction, once it is in the store."""
        return loaded(self._store, batches, self._converter.count)

    def _count(self, entry: Entry) -> None:
        span, summary = entry.span, self._summary
        summary.bytes += span.to_pos - span.from_pos
        summary.lines += span.lines
        summary.events += entry.events
        summary.joined += span.joined
        summary.blanks += span.blanks
        summary.rejects += entry.rejects
        self._progress(summary)

    def _last_header(self, source_id: int, pattern: str) -> str | None:
        [(header,)] = self._store.execute(
            "SELECT max_by(message, source_pos) FROM events WHERE source_id = ? AND regexp_matches(message, ?)",
            [source_id, pattern],
        )
        return cast("str | None", header)

    def _last_time(self, source_id: int) -> datetime | None:
        [(moment,)] = self._store.execute("SELECT max_by(ts, source_pos) FROM events WHERE source_id = ?", [source_id])
        return cast("datetime | None", moment)


def unexpected(path: str, error: Exception) -> InputError:
    """Of a file with which something went wrong that nobody thought of: it is told, and tried again later."""
    told = InputError(
        f"{path}: {type(error).__name__}: {error}",
        remedy="a defect of logpipe; what was taken of the file is safe, and the next ingest tries again",
        reason="unexpected",
    )
    told.__cause__ = error
    return told


def _error_of(portion: Portion, error: Exception) -> InputError:
    match error:
        case InputError():
            return error
        case duckdb.Error():
            return _unconvertible(portion, error)
    return unexpected(portion.file.path, error)


def _unconvertible(portion: Portion, error: duckdb.Error) -> InputError:
    reason = str(error).partition("\n")[0]
    return InputError(
        f"{portion.file.path}: no rows could be made of what stands behind byte {portion.source.offset:,} ({reason})",
        remedy=f"the lines before it were taken; for another format: logpipe reparse {portion.file.path} --format NAME",
        reason="unconvertible",
    )

"""One file's new bytes into the store, chunk by chunk, each chunk in one transaction."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

import duckdb
from blake3 import blake3

from logpipe.errors import InputError
from logpipe.ingest import lines
from logpipe.ingest.ahead import ahead
from logpipe.ingest.chunk import DIGEST_BYTES, Batch, Chunk, Reject, Span, digest
from logpipe.ingest.convert import Converter
from logpipe.ingest.discovery import LogFile
from logpipe.ingest.flow import CHUNK_BYTES, Flow
from logpipe.ingest.formats import FORMATS, format_named
from logpipe.ingest.formats.base import Context, Format
from logpipe.ingest.formats.json_format import JsonFormat
from logpipe.ingest.formats.wrapped import Wrapped
from logpipe.ingest.lines import Records
from logpipe.ingest.loader import load
from logpipe.ingest.reader import TRANSCODED, Reader
from logpipe.ingest.sources import Source
from logpipe.store import Store

FINAL_AFTER_S = 5.0
"""A last line without a newline is taken once its file has been left alone for this long."""

CHUNK_ROWS = lines.ROW_GROUP
"""The most rows that one transaction inserts."""

_ROOM = 1.05
"""A filling aims at this much more than the chunk before had, so that it seldom falls a few rows short."""

REJECT_BYTES = 64 << 10
"""Of a line too long to be read whole, this much is kept."""

_NOTHING = lines.split(memoryview(b""), at_start=False)


@dataclass(frozen=True, slots=True)
class Options:
    """How to ingest."""

    service: str | None = None
    """For records that name none; by default the beginning of the file's name."""
    format: str | None = None
    """The format of new files; by default detected."""
    time_zone: str = "UTC"
    """Of times that name no zone."""
    following: bool = False
    """Whether files are watched: then a last line without a newline, and a record that may go on, wait."""
    formats: Mapping[str, Format] = field(default_factory=lambda: FORMATS)
    """By name, in the order in which they are asked."""


@dataclass(slots=True)
class Summary:
    """What an ingest did."""

    files: int = 0
    new_files: int = 0
    bytes: int = 0
    lines: int = 0
    events: int = 0
    joined: int = 0
    blanks: int = 0
    rejects: int = 0
    waiting_bytes: int = 0
    """In last lines without a newline, of files written to a moment ago."""
    lost_bytes: int = 0
    """Seen once, and overwritten before they were read."""
    seconds: float = 0.0
    errors: list[InputError] = field(default_factory=list)


Progress = Callable[[Summary], None]


class Intake:
    """Reads files, one after the other: the next chunk is read and split while the present one is loaded."""

    def __init__(self, store: Store, options: Options, summary: Summary, progress: Progress) -> None:
        self._store = store
        self._past = store.connection.cursor()
        self._converter = Converter(self._last_time)
        self._options = options
        self._summary = summary
        self._progress = progress

    def take(self, reader: Reader, source: Source, file: LogFile) -> None:
        """Load what stands behind the source's offset: all whole lines, and the last one where the file is final.

        Raises:
            InputError: reading failed, or DuckDB could not make rows of the lines; what was loaded before is committed.
            StoreError: the store refused; what was committed before is safe.
        """
        try:
            self._take(reader, source, file)
        except duckdb.Error as error:
            reason = str(error).partition("\n")[0]
            raise InputError(
                f"{file.path}: no rows could be made of what stands behind byte {source.offset:,} ({reason})",
                remedy="the lines before it were taken; another --format may take the rest",
                reason="unconvertible",
            ) from error

    def _take(self, reader: Reader, source: Source, file: LogFile) -> None:
        chunks = self._chunks(Flow(reader, source.offset), source, file)
        long = file.size - source.offset > CHUNK_BYTES // 4 or reader.compression is not None
        # Three stages, each ahead of the next: reading and splitting, converting, loading.
        with closing(ahead(chunks) if long else chunks) as read:
            batches = map(self._converter.convert, read)
            with closing(ahead(batches)) if long else nullcontext(batches) as made:
                for batch in made:
                    load(self._store, batch)
                    source.advance(batch.span)
                    self._count(batch)

    def _count(self, batch: Batch) -> None:
        span, summary = batch.span, self._summary
        summary.bytes += span.to_pos - span.from_pos
        summary.lines += span.lines
        summary.events += len(batch.events)
        summary.joined += span.joined
        summary.blanks += span.blanks
        summary.rejects += len(batch.rejects)
        self._progress(summary)

    def _last_time(self, source_id: int) -> datetime | None:
        [(moment,)] = self._past.execute(
            "SELECT max_by(ts, source_pos) FROM events WHERE source_id = ?", [source_id]
        ).fetchall()
        return cast("datetime | None", moment)

    def _chunks(self, flow: Flow, source: Source, file: LogFile) -> Generator[Chunk, None, None]:
        make = _ChunkMaker(source, file, self._options)
        while flow.fill():
            if flow.within_a_line:
                yield self._rest_of_line(flow, make)
                continue
            size = self._whole_lines(flow, file)
            before = flow.position
            for records in self._records(flow, size, make) if size else ():
                yield make(flow, len(records.data), records)
            if flow.position > before:
                continue
            if flow.full:
                yield self._long_line(flow, make)
            elif not flow.more:
                self._summary.waiting_bytes += len(flow.data)
                return

    def _whole_lines(self, flow: Flow, file: LogFile) -> int:
        """The bytes up to the last newline, or all of them when the file is final."""
        size = flow.find_last_newline()
        if flow.more or flow.reader.damage:
            return size
        compressed = flow.reader.compression not in (None, *TRANSCODED)
        final = compressed or (left_alone(file) and not self._options.following)
        return len(flow.data) if final else size

    def _records(self, flow: Flow, size: int, make: "_ChunkMaker") -> Iterator[Records]:
        """The records of the first `size` bytes, in pieces of whole row groups as far as these go."""
        records = lines.split(flow.data[:size], at_start=flow.position == 0)
        count = len(records.starts)
        begins = self._converter.begins(records, make.format) if count else None
        if begins is not None:
            records = lines.join(records, begins)
            may_go_on = flow.more or (self._options.following and not left_alone(make.file))
            if may_go_on and (len(records.starts) > 1 or not flow.full):
                count = len(records.starts) - 1
                if count == 0:
                    return  # the only record waits for what may follow it
        flow.aim(_ROOM * CHUNK_ROWS * size / max(1, count))
        first = 0
        while first == 0 or first < count:
            last = min(first + CHUNK_ROWS, count)
            if last - first < CHUNK_ROWS and flow.more and (first or not flow.full):
                return  # too few for now: these go with those that follow
            piece = records.piece(first, last)
            lines.mend(piece)
            if isinstance(make.format.outer if isinstance(make.format, Wrapped) else make.format, JsonFormat):
                lines.cut_nested(piece)
            yield piece
            first = max(last, 1)

    def _rest_of_line(self, flow: Flow, make: "_ChunkMaker") -> Chunk:
        """The line went on after its beginning was taken as the last of its file."""
        size = flow.find_newline() or len(flow.data)
        rest = bytes(flow.data[:size])
        if not rest.strip():
            return make(flow, size, lines.split(flow.data[:size], at_start=False))
        detail = "its beginning was taken as the last line of the file"
        raw = rest[:REJECT_BYTES].removesuffix(b"\n").removesuffix(b"\r")
        reject = Reject(flow.position, size, "continues_taken_line", detail, raw)
        return make(flow, size, _NOTHING, reject)

    def _long_line(self, flow: Flow, make: "_ChunkMaker") -> Chunk:
        start, raw = flow.position, bytes(flow.data[:REJECT_BYTES])
        hashed = blake3()
        size = len(flow.data)
        while size:
            hashed.update(flow.data[:size])
            ended = flow.data[size - 1] == lines.NEWLINE
            flow.advance(size)
            size = 0 if ended or not flow.fill() else flow.find_newline() or len(flow.data)
        length = flow.position - start
        detail = f"{length:,} bytes, the limit is {CHUNK_BYTES:,}; the first {len(raw):,} are kept"
        reject = Reject(start, length, "line_too_long", detail, raw)
        return make.entry(flow, start, _NOTHING, hashed.digest(DIGEST_BYTES), reject)


class _ChunkMaker:
    """Chunks of one source, from what was cut out of its flow."""

    def __init__(self, source: Source, file: LogFile, options: Options) -> None:
        self.file = file
        self.format = _known(source, options.formats)
        self._source_id, self._service = source.source_id, source.service
        self._context = Context(datetime.fromtimestamp(file.modified_ns / 1e9, UTC), options.time_zone)

    def __call__(self, flow: Flow, size: int, records: Records, *surplus: Reject) -> Chunk:
        """Take `size` bytes off the flow as a chunk."""
        start, range_hash = flow.position, digest(flow.data[:size])
        flow.advance(size)
        return self.entry(flow, start, records, range_hash, *surplus)

    def entry(self, flow: Flow, start: int, records: Records, range_hash: bytes, *surplus: Reject) -> Chunk:
        """A chunk of what the flow has passed since `start`."""
        span = Span(
            self._source_id,
            start,
            flow.position,
            records.lines + len(surplus),
            records.joined,
            records.blanks,
            range_hash,
            digest(flow.tail),
        )
        return Chunk(span, self.format, self._service, self._context, records, surplus)


def _known(source: Source, formats: Mapping[str, Format]) -> Format:
    format_ = format_named(source.format, formats)
    if format_ is None:
        raise InputError(
            f"{source.path}: there is no format called {source.format} any more",
            remedy="put its definition back into the folder of formats, or name the file with --format",
            reason="unknown_format",
        )
    return format_


def left_alone(file: LogFile) -> bool:
    """Whether a file has not been written to for a while, so that its last line is whole."""
    return time.time() - file.modified_ns / 1e9 >= FINAL_AFTER_S

"""One file's new bytes into the store, chunk by chunk, each chunk in one transaction."""

import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

import duckdb

from logpipe.errors import InputError, LogpipeError, StoreError
from logpipe.ingest import lines
from logpipe.ingest.ahead import ahead
from logpipe.ingest.chunk import Batch, Chunk, Entry, Reject, Segment, Span, digest
from logpipe.ingest.convert import Converter
from logpipe.ingest.discovery import LogFile
from logpipe.ingest.flow import CHUNK_BYTES, Flow
from logpipe.ingest.formats import FORMATS, format_named
from logpipe.ingest.formats.base import Context, Format
from logpipe.ingest.formats.json_format import JsonFormat
from logpipe.ingest.formats.wrapped import Wrapped
from logpipe.ingest.lines import Records
from logpipe.ingest.loader import loaded
from logpipe.ingest.reader import TRANSCODED, Reader, Remembered
from logpipe.ingest.sources import Source, Waiting
from logpipe.ingest.telemetry import Clock, Telemetry
from logpipe.store import Store
from logpipe.store.patience import waiting_for_memory
from logpipe.store.rollup import operations

FINAL_AFTER_S = 5.0
"""A last line without a newline is taken once its file has been left alone for this long."""

FOLLOWED_FINAL_AFTER_S = 3600.0
"""The same of a followed file whose writer may still be at it."""

CHUNK_ROWS = lines.ROW_GROUP
"""The most rows of a chunk: those of one transaction."""

_SCANNED_ROWS = CHUNK_ROWS // 4
"""The same where a chunk costs little by itself: small ones stay in the processor's cache."""

_FIRST_SCANNED_BYTES = 12 << 20
"""How much of them is read at first, before it is known how much has so many rows."""

_ROOM = 1.05
"""A filling aims at this much more than the chunk before had, so that it seldom falls a few rows short."""

REJECT_BYTES = 64 << 10
"""Of a line too long to be read whole, this much is kept."""

_REMEMBERED_BYTES = 1 << 20
"""The longest end of a file that is kept in memory while it waits to be taken."""

_ZEROS = bytes(1 << 20)

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
    own_log: str | None = None
    """Where this ingest writes what it does, so that it does not read that."""


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
    """Seen once, and gone before they were read."""
    gaps: int = 0
    """Places where bytes were lost, or may have been: rows of `gaps`."""
    seconds: float = 0.0
    errors: list[LogpipeError] = field(default_factory=list)
    warnings: list[LogpipeError] = field(default_factory=list)
    """What was lost, told once each."""


Progress = Callable[[Summary], None]


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known of the end of a file."""

    whole_record: bool
    """The last record will not go on in further lines."""
    whole_line: bool
    """The last line is taken without its newline."""


class Intake:
    """Reads files, one after the other: the next chunk is read and split while the present one is loaded."""

    def __init__(
        self, store: Store, options: Options, summary: Summary, progress: Progress, telemetry: Telemetry
    ) -> None:
        self._store = store
        self._telemetry = telemetry
        self._past = store.connection.cursor()
        self._converter = self._new_converter()
        self._options = options
        self._summary = summary
        self._progress = progress

    def _new_converter(self) -> Converter:
        return Converter(self._last_time, operations(self._store.connection), self._last_header)

    def close(self) -> None:
        """Let go of the database."""
        self._past.close()

    @waiting_for_memory
    def take(
        self, reader: Reader, source: Source, file: LogFile, ending: Ending, most_bytes: int | None = None
    ) -> bool:
        """Load what stands behind the source's offset: all whole lines, and the last one where `ending` says so.

        Stops after `most_bytes`, or a little more, and returns whether it did.

        Raises:
            InputError: reading failed, or DuckDB could not make rows of the lines; what was loaded before is committed.
            StoreError: the store refused; what was committed before is safe.
        """
        try:
            return self._take(reader, source, file, ending, most_bytes or sys.maxsize)
        except StoreError:
            self._converter = self._new_converter()  # it went ahead of what could be committed
            raise
        except duckdb.Error as error:
            reason = str(error).partition("\n")[0]
            raise InputError(
                f"{file.path}: no rows could be made of what stands behind byte {source.offset:,} ({reason})",
                remedy="the lines before it were taken; another --format may take the rest",
                reason="unconvertible",
            ) from error

    def take_remembered(self, source: Source, file: LogFile) -> None:
        """Load the end that waited in memory, of a file that was overwritten meanwhile: no more of it will come."""
        if source.waiting is None:
            return
        start, looked_at = source.offset - len(source.waiting.tail), source.looked_at
        with Remembered(source.path, start, source.waiting.tail + source.waiting.data) as reader:
            self.take(reader, source, file, Ending(whole_record=True, whole_line=True))
        source.looked_at = looked_at

    def _take(self, reader: Reader, source: Source, file: LogFile, ending: Ending, most_bytes: int) -> bool:
        flow = Flow(reader, source.offset)
        chunks = self._chunks(flow, source, file, ending, source.offset + most_bytes)
        source.waiting, source.waiting_bytes, source.looked_at = None, 0, None
        long = file.size - source.offset > CHUNK_BYTES // 4 or reader.compression is not None
        # Three stages, each ahead of the next: reading and splitting, converting, loading.
        with closing(ahead(chunks) if long else chunks) as read:
            clock = Clock(self._converter.convert)
            for entry in self._loaded(map(clock, read)):
                source.advance(entry.span)
                self._telemetry.count(entry.span, entry.rejects, clock.committed())
                self._count(entry)
        return source.looked_at is None

    def _loaded(self, batches: Iterator[Batch]) -> Iterator[Entry]:
        """What was committed of the batches, once it is in the store."""
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
        [(header,)] = self._past.execute(
            "SELECT max_by(message, source_pos) FROM events WHERE source_id = ? AND regexp_matches(message, ?)",
            [source_id, pattern],
        ).fetchall()
        return cast("str | None", header)

    def _last_time(self, source_id: int) -> datetime | None:
        [(moment,)] = self._past.execute(
            "SELECT max_by(ts, source_pos) FROM events WHERE source_id = ?", [source_id]
        ).fetchall()
        return cast("datetime | None", moment)

    def _chunks(
        self, flow: Flow, source: Source, file: LogFile, ending: Ending, until: int
    ) -> Generator[Chunk, None, None]:
        make = _ChunkMaker(source, file, self._options, ending)
        if make.format.scan:
            flow.aim(_FIRST_SCANNED_BYTES)
        while flow.position < until:
            hole = flow.hole()
            if hole:
                yield self._hole(flow, make, hole)
                continue
            if hole is None or not flow.fill():
                source.looked_at = time.monotonic()
                return
            if flow.within_a_line:
                yield self._rest_of_line(flow, make)
                continue
            size = self._whole_lines(flow, ending)
            before = flow.position
            for records in self._records(flow, size, make) if size else ():
                yield make(flow, len(records.data), records)
            if flow.position > before:
                continue
            if flow.full:
                yield self._long_line(flow, make)
            elif not flow.more:
                source.looked_at, source.waiting_bytes = time.monotonic(), len(flow.data)
                if len(flow.data) <= _REMEMBERED_BYTES:
                    source.waiting = Waiting(flow.tail, bytes(flow.data))
                return

    def _whole_lines(self, flow: Flow, ending: Ending) -> int:
        """The bytes up to the last newline, or all of them when the file is final."""
        size = flow.find_last_newline()
        if flow.more or flow.reader.damage:
            return size
        return len(flow.data) if ending.whole_line or _is_final(flow.reader) else size

    def _records(self, flow: Flow, size: int, make: "_ChunkMaker") -> Iterator[Records]:
        """The records of the first `size` bytes, in pieces of whole row groups as far as these go."""
        records = lines.split(flow.data[:size], at_start=flow.position == 0)
        count = len(records.starts)
        unterminated = flow.data[size - 1] != lines.NEWLINE
        begins = self._converter.begins(records, make.format) if count else None
        if begins is not None:
            records = lines.join(records, begins)
            may_go_on = flow.more or not (make.ending.whole_record or _is_final(flow.reader))
            if may_go_on and (len(records.starts) > 1 or not flow.full):
                count = len(records.starts) - 1
                if count == 0:
                    return  # the only record waits for what may follow it
        rows = _SCANNED_ROWS if make.format.scan else CHUNK_ROWS
        flow.aim(_ROOM * rows * size / max(1, count))
        first = 0
        while first == 0 or first < count:
            last = min(first + rows, count)
            if last - first < rows and flow.more and (first or not flow.full):
                return  # too few for now: these go with those that follow
            piece = records.piece(first, last)
            lines.mend(piece)
            if last == count and unterminated:
                lines.note_unterminated(piece)
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
        size = len(flow.data)
        while size:
            make.hash(start, flow.data[:size])
            ended = flow.data[size - 1] == lines.NEWLINE
            flow.advance(size)
            size = 0 if ended or not flow.fill() else flow.find_newline() or len(flow.data)
        length = flow.position - start
        detail = f"{length:,} bytes, the limit is {CHUNK_BYTES:,}; the first {len(raw):,} are kept"
        return make.entry(flow, start, _NOTHING, Reject(start, length, "line_too_long", detail, raw))

    def _hole(self, flow: Flow, make: "_ChunkMaker", size: int) -> Chunk:
        """Bytes that were never written: no line, and too many to be kept."""
        start = flow.position
        for begin in range(0, size, len(_ZEROS)):
            make.hash(start, memoryview(_ZEROS)[: size - begin])
        flow.skip(size)
        return make.entry(flow, start, _NOTHING, Reject(start, size, "hole", f"{size:,} NUL bytes", b""))


class _ChunkMaker:
    """Chunks of one source, from what was cut out of its flow."""

    def __init__(self, source: Source, file: LogFile, options: Options, ending: Ending) -> None:
        self.file = file
        self.ending = ending
        self.format = _known(source, options.formats)
        self._source, self._service = source, source.service
        if source.segment is not None and source.segment.end != source.offset:
            source.segment = None  # it went ahead of what could be committed
        self._context = Context(datetime.fromtimestamp(file.modified_ns / 1e9, UTC), options.time_zone)

    def __call__(self, flow: Flow, size: int, records: Records, *surplus: Reject) -> Chunk:
        """Take `size` bytes off the flow as a chunk."""
        start = flow.position
        self.hash(start, flow.data[:size])
        flow.advance(size)
        return self.entry(flow, start, records, *surplus)

    def hash(self, start: int, data: memoryview) -> None:
        """Hash the next bytes of an entry that begins at `start`; a new one goes on with the hash of the last."""
        segment = self._source.segment
        if segment is None or (segment.end == start and segment.full):
            segment = self._source.segment = Segment(start)
        segment.add(data)

    def entry(self, flow: Flow, start: int, records: Records, *surplus: Reject) -> Chunk:
        """A chunk of what the flow has passed since `start`, all of it hashed."""
        segment = self._source.segment
        assert segment is not None
        span = Span(
            self._source.source_id,
            start,
            flow.position,
            records.lines + len(surplus),
            records.joined,
            records.blanks,
            segment.start,
            segment.digest(),
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


def _is_final(reader: Reader) -> bool:
    """Whether no more will come: so it is of compressed data that ended as it should."""
    return reader.compression not in (None, *TRANSCODED) and not reader.damage


def left_alone(file: LogFile) -> bool:
    """Whether a file has not been written to for a while, so that its last line is whole."""
    return time.time() - file.modified_ns / 1e9 >= FINAL_AFTER_S

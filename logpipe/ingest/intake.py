"""One file's new bytes into the store, chunk by chunk, each chunk in one transaction."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from logpipe.errors import InputError
from logpipe.ingest import lines
from logpipe.ingest.discovery import LogFile
from logpipe.ingest.formats import FORMATS
from logpipe.ingest.formats.base import Context
from logpipe.ingest.lines import Records
from logpipe.ingest.loader import TAIL_BYTES, Chunk, Reject, begins, digest, load
from logpipe.ingest.reader import Reader
from logpipe.ingest.sources import Source
from logpipe.store import Store

CHUNK_BYTES = 128 << 20
"""The most that one transaction takes, and the longest line that can be an event."""

FINAL_AFTER_S = 5.0
"""A last line without a newline is taken once its file has been left alone for this long."""

REJECT_BYTES = 64 << 10
"""Of a line too long or too damaged to be read whole, this much is kept."""

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
    """Reads the files of a sweep, one after the other, with one buffer for all of them."""

    def __init__(self, store: Store, options: Options, summary: Summary, progress: Progress) -> None:
        self._store = store
        self._options = options
        self._summary = summary
        self._progress = progress
        self._buffer = bytearray()

    def take(self, reader: Reader, source: Source, file: LogFile) -> None:
        """Load what stands behind the source's offset: all whole lines, and the last one where the file is final.

        Raises:
            InputError: reading failed; what was loaded before is committed.
            StoreError: the store refused; what was committed before is safe.
        """
        if not self._buffer:
            self._buffer = bytearray(CHUNK_BYTES)
        flow = _Flow(reader, source, self._buffer)
        while flow.fill():
            if flow.within_a_line:
                self._reject_rest_of_line(flow)
                continue
            size = self._whole_lines(flow, file)
            if size:
                self._load(flow, size, file)
            elif flow.more:
                self._skip_long_line(flow)
            else:
                self._summary.waiting_bytes += len(flow.data)
                return

    def _whole_lines(self, flow: "_Flow", file: LogFile) -> int:
        """The bytes up to the last newline, or all of them when the file is final."""
        size = flow.find_last_newline()
        if flow.more or flow.reader.damage:
            return size
        final = flow.reader.compression is not None or (left_alone(file) and not self._options.following)
        return len(flow.data) if final else size

    def _load(self, flow: "_Flow", size: int, file: LogFile) -> None:
        start = FORMATS[flow.source.format].start
        records = lines.split(flow.data[:size], at_start=flow.source.offset == 0)
        if start is not None and len(records.starts):
            records = lines.join(records, begins(self._store, records, start))
            may_go_on = flow.more or (self._options.following and not left_alone(file))
            if may_go_on and len(records.starts) > 1:
                records = lines.without_last(records)
        lines.mend(records)
        self._commit(flow, len(records.data), file, records)

    def _reject_rest_of_line(self, flow: "_Flow") -> None:
        """The line went on after its beginning was taken as the last of its file."""
        size = flow.find_newline() or len(flow.data)
        if bytes(flow.data[:size]).strip():
            self._reject(flow, size, "continues_taken_line", "its beginning was taken as the last line of the file")
        else:
            self._commit(flow, size, None, lines.split(flow.data[:size], at_start=False))

    def _skip_long_line(self, flow: "_Flow") -> None:
        raw = bytes(flow.data[:REJECT_BYTES])
        hashed, length = sha256(), 0
        start, size = flow.source.offset, len(flow.data)
        while size:
            hashed.update(flow.data[:size])
            length += size
            ended = flow.data[size - 1] == lines.NEWLINE
            flow.advance(size)
            size = 0 if ended or not flow.fill() else flow.find_newline() or len(flow.data)
        detail = f"{length:,} bytes, the limit is {CHUNK_BYTES:,}; the first {len(raw):,} are kept"
        reject = Reject(start, length, "line_too_long", detail, raw)
        self._enter(flow, start, None, _NOTHING, hashed.digest()[:16], (reject,))

    def _reject(self, flow: "_Flow", size: int, reason: str, detail: str) -> None:
        raw = bytes(flow.data[: min(size, REJECT_BYTES)])
        reject = Reject(flow.source.offset, size, reason, detail, raw)
        self._commit(flow, size, None, _NOTHING, (reject,))

    def _commit(
        self, flow: "_Flow", size: int, file: LogFile | None, records: Records, surplus: tuple[Reject, ...] = ()
    ) -> None:
        start, range_hash = flow.source.offset, digest(flow.data[:size])
        flow.advance(size)
        self._enter(flow, start, file, records, range_hash, surplus)

    def _enter(
        self,
        flow: "_Flow",
        start: int,
        file: LogFile | None,
        records: Records,
        range_hash: bytes,
        surplus: tuple[Reject, ...],
    ) -> None:
        source = flow.source
        modified_at = datetime.fromtimestamp(file.modified_ns / 1e9, UTC) if file else datetime.now(UTC)
        context = Context(modified_at, self._options.time_zone)
        chunk = Chunk(
            source.source_id,
            FORMATS[source.format],
            source.service,
            context,
            records,
            start,
            flow.position,
            range_hash,
            digest(flow.tail),
            surplus,
        )
        loaded = load(self._store, chunk)
        source.offset, source.tail_hash = chunk.to_pos, chunk.tail_hash
        source.ranges.append((start, chunk.to_pos, range_hash))
        summary = self._summary
        summary.bytes += chunk.to_pos - start
        summary.lines += records.lines + len(surplus)
        summary.events += loaded.events
        summary.joined += records.joined
        summary.blanks += records.blanks
        summary.rejects += loaded.rejects
        self._progress(summary)


class _Flow:
    """The bytes of a file behind a source's offset, as a window that is filled and advanced over one buffer."""

    def __init__(self, reader: Reader, source: Source, buffer: bytearray) -> None:
        self.reader = reader
        self.source = source
        self._buffer = buffer
        self._filled = 0
        self._consumed = 0
        self.position = source.offset
        """Of the first byte of `data` in the file."""
        behind = bytearray(min(TAIL_BYTES, source.offset))
        reader.seek(source.offset - len(behind))
        self.tail = bytes(behind[: reader.read_into(memoryview(behind))])
        """The bytes before `position`, at most `TAIL_BYTES`."""

    @property
    def data(self) -> memoryview:
        return memoryview(self._buffer)[self._consumed : self._filled]

    @property
    def more(self) -> bool:
        """Whether the buffer is full, so that the file may hold more."""
        return self._filled == len(self._buffer)

    @property
    def within_a_line(self) -> bool:
        return bool(self.tail) and self.tail[-1] != lines.NEWLINE

    def fill(self) -> bool:
        """Move what is left to the front and read on; False when nothing is there."""
        left = bytes(self.data) if self._consumed else None
        if left is not None:
            self._buffer[: len(left)] = left
            self._consumed, self._filled = 0, len(left)
        self._filled += self.reader.read_into(memoryview(self._buffer)[self._filled :])
        return self._filled > 0

    def advance(self, size: int) -> None:
        consumed = self.data[:size]
        self.tail = (self.tail + bytes(consumed[-TAIL_BYTES:]))[-TAIL_BYTES:]
        self._consumed += size
        self.position += size

    def find_newline(self) -> int:
        """Bytes up to and with the first newline; 0 without one."""
        return max(0, self._buffer.find(b"\n", self._consumed, self._filled) + 1 - self._consumed)

    def find_last_newline(self) -> int:
        """Bytes up to and with the last newline; 0 without one."""
        return max(0, self._buffer.rfind(b"\n", self._consumed, self._filled) + 1 - self._consumed)


def left_alone(file: LogFile) -> bool:
    """Whether a file has not been written to for a while, so that its last line is whole."""
    return time.time() - file.modified_ns / 1e9 >= FINAL_AFTER_S

"""A file cut into chunks of whole records; what cannot be part of any is told as a reject."""

import time
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING

from logpipe.ingest.files.fingerprint import digest
from logpipe.ingest.files.flow import CHUNK_BYTES, Flow
from logpipe.ingest.files.reader import HEAD_BYTES, Reader, Replaced
from logpipe.ingest.files.source import Head, Source, Waiting
from logpipe.ingest.formats.base import Format
from logpipe.ingest.loading.chunk import Chunk, Reject
from logpipe.ingest.loading.chunk_maker import ChunkMaker
from logpipe.ingest.loading.prepare import prepared
from logpipe.ingest.scanning import lines
from logpipe.ingest.scanning.lines import Records
from logpipe.store.database import ROW_GROUP

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

CHUNK_ROWS = ROW_GROUP
"""The most rows of a chunk."""

_MOST_LINES = 1 << 20
"""So many lines are cut at once: what is known of each takes as much memory, however short it is."""

_SCANNED_ROWS = CHUNK_ROWS // 4
"""The same where a chunk costs little by itself: small ones stay in the processor's cache."""

_PARTS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 16, 20, 24, 30, 32, 48, 64)
_WANTED_BYTES, _WANTED_SCANNED_BYTES = 24 << 20, 11 << 20
"""Of a chunk: where so many rows are larger, it has one of these parts of them, since several are in memory at once."""

_FIRST_SCANNED_BYTES = 3 << 20
"""How much of them is read at first, before it is known how much has so many rows."""

_FIRST_PART = 4
"""The first chunk is one of so many parts, so that the store has something to do soon, and the next is the rest."""

_ROOM = 1.05
"""A filling aims at this much more than the chunk before had, so that it seldom falls a few rows short."""

REJECT_BYTES = 64 << 10
"""Of a line too long to be read whole, this much is kept."""

_REMEMBERED_BYTES = 1 << 20
"""The longest end of a file that is kept in memory while it waits to be taken."""

_ZEROS = bytes(1 << 20)

_HOLE_BYTES = 1 << 30
"""The longest hole that is told as one: it is hashed as the zeros that it reads as, which takes a second or more."""

_NOTHING = lines.split(memoryview(b""), at_start=False)

Begins = Callable[[Records, Format], "npt.NDArray[np.bool_] | None"]
"""Tells at which lines records begin; None where each line is one."""


class Cut:
    """Chunks of what stands behind the position of a flow, up to `until`, or a little more."""

    def __init__(self, flow: Flow, source: Source, make: ChunkMaker, begins: Begins, until: int) -> None:
        self._flow = flow
        self._source = source
        self._make = make
        self._begins = begins
        self._until = until
        self._taken = 0
        """Records so far."""
        self._left = False
        """Whether whole lines were left in the window, since there were too many."""
        if make.format.scan:
            flow.aim(_FIRST_SCANNED_BYTES)

    def __iter__(self) -> Generator[Chunk, None, None]:
        """Where nothing more can be taken, the source is told so, and what waits.

        Raises:
            InputError: reading failed.
            Replaced: the file is not what it was when it was matched to its source.
        """
        flow, source = self._flow, self._source
        if flow.reader.compression is None and source.tail_hash not in (None, digest(flow.tail)):
            raise _replaced(flow.reader)
        while flow.position < self._until:
            hole = flow.hole()
            if hole:
                yield self._hole(min(hole, _HOLE_BYTES))
                continue
            if hole is None or not flow.fill():
                source.looked_at = time.monotonic()
                return
            if flow.position == 0 and not _begins(flow, source):
                raise _replaced(flow.reader)
            if flow.within_a_line:
                yield self._rest_of_line()
                continue
            size, self._left = self._whole_lines(), False
            before = flow.position
            for records in self._records(size) if size else ():
                yield self._make(flow, len(records.data), records)
            if flow.position == before and flow.full:
                yield self._long_line()
            elif not (flow.more or self._left):  # what was written since is left to the next time: more at once
                source.looked_at, source.waiting_bytes = time.monotonic(), len(flow.data)
                if 0 < len(flow.data) <= _REMEMBERED_BYTES:
                    source.waiting = Waiting(flow.tail, bytes(flow.data))
                return
        flow.give_back()

    def _whole_lines(self) -> int:
        """The bytes up to the last newline, or all of them when the file is final."""
        flow = self._flow
        size = flow.find_last_newline()
        if flow.more or flow.reader.damage:
            return size
        return len(flow.data) if self._make.ending.whole_line or _is_final(flow.reader) else size

    def _records(self, size: int) -> Iterator[Records]:
        """The records of the first `size` bytes, in pieces of whole row groups as far as these go."""
        flow, make = self._flow, self._make
        records = lines.split(flow.data[:size], at_start=flow.position == 0, most=_MOST_LINES)
        self._left, size = len(records.data) < size, len(records.data)
        unterminated = flow.data[size - 1] != lines.NEWLINE
        begins = self._begins(records, make.format) if len(records.starts) else None
        if begins is not None:
            records = lines.join(records, begins)
        count = len(records.starts)
        full = flow.full or self._left
        may_go_on = flow.more or self._left or not (make.ending.whole_record or _is_final(flow.reader))
        if begins is not None and may_go_on and (count > 1 or not full):
            count -= 1
            if count == 0:
                return  # the only record waits for what may follow it
        first = 0
        while first == 0 or first < count:
            rows = self._rows(size / max(1, count))
            flow.aim(_ROOM * rows * size / max(1, count))
            last = min(first + rows, count)
            if last - first < rows and flow.more and (first or not full):
                return  # too few for now: these go with those that follow
            for piece in prepared(records.piece(first, last), make.format, _WANTED_BYTES):
                if unterminated and len(piece.data) and piece.data[-1] != lines.NEWLINE:
                    lines.note_unterminated(piece)
                yield piece
            self._taken += last - first
            first = max(last, 1)

    def _rows(self, bytes_each: float) -> int:
        """How many records the next chunk is to have; together they come to whole row groups."""
        scanned = bool(self._make.format.scan)
        most, wanted = (_SCANNED_ROWS, _WANTED_SCANNED_BYTES) if scanned else (CHUNK_ROWS, _WANTED_BYTES)
        rows = next((most // part for part in _PARTS if most // part * bytes_each <= wanted), most // _PARTS[-1])
        if scanned and not self._taken:
            rows //= _FIRST_PART
        rows = max(1, rows)
        return rows - self._taken % rows

    def _rest_of_line(self) -> Chunk:
        """The line went on after its beginning was taken as the last of its file."""
        flow, make = self._flow, self._make
        size = flow.find_newline() or len(flow.data)
        rest = bytes(flow.data[:size])
        if not rest.strip():
            return make(flow, size, lines.split(flow.data[:size], at_start=False))
        detail = "its beginning was taken as the last line of the file"
        raw = rest[:REJECT_BYTES].removesuffix(b"\n").removesuffix(b"\r")
        reject = Reject(flow.position, size, "continues_taken_line", detail, raw)
        return make(flow, size, _NOTHING, reject)

    def _long_line(self) -> Chunk:
        flow, make = self._flow, self._make
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

    def _hole(self, size: int) -> Chunk:
        """Bytes that were never written: no line, and too many to be kept."""
        flow, make = self._flow, self._make
        start = flow.position
        for begin in range(0, size, len(_ZEROS)):
            make.hash(start, memoryview(_ZEROS)[: size - begin])
        flow.skip(size)
        return make.entry(flow, start, _NOTHING, Reject(start, size, "hole", f"{size:,} NUL bytes", b""))


def _begins(flow: Flow, source: Source) -> bool:
    """Whether the window is the beginning of the source, and not of what was put in its place meanwhile."""
    too_small = flow.more and len(flow.data) < source.head_bytes
    return too_small or source.begins(Head(bytes(flow.data[:HEAD_BYTES])))


def _replaced(reader: Reader) -> Replaced:
    return Replaced(f"{reader.path} was overwritten since it was matched", reason="replaced")


def _is_final(reader: Reader) -> bool:
    """Whether no more will come: so it is of compressed data that ended as it should."""
    return not reader.grows and not reader.damage

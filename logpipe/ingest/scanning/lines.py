"""Bytes to records: where lines begin and end, which of them join, and a zero-copy Arrow column of their text.

Python sees chunks, never lines: C finds these, and the column's strings are views into the chunk itself.
Only lines that need mending (bad UTF-8, a run of NULs) are handled one by one.
"""

import base64
import ctypes
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from logpipe.ingest.scanning.native import address, library

Positions = npt.NDArray[np.int64]

NEWLINE = 10
_BOM = b"\xef\xbb\xbf"

_ALL = slice(None)
_NONE = (np.empty(0, np.int64),) * 5
_INLINE = 12
_DEEPEST = 50_000
_VALIDATED_TOGETHER = 256
"""Texts; of those among which one is no UTF-8, Python looks at each."""

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)


@dataclass(slots=True)
class Records:
    """The records of a chunk, and the lines that made them.

    `starts` and `ends` bound the text of each record in `data`; `lengths` are in bytes with newlines.
    """

    data: memoryview
    starts: Positions
    ends: Positions
    lengths: Positions
    line_starts: Positions
    """Of all lines, blank ones and those that continue a record too."""
    blank_starts: Positions
    mended: dict[int, bytes] = field(default_factory=dict)
    """Text that stands in for that of a record, by its index."""
    notes: dict[int, dict[str, object]] = field(default_factory=dict)
    """Attributes that say what was mended, by index."""
    divided: int = 0
    """Records beyond the first of their line."""
    is_plain: bool = False
    """Whether `data` is known to be ASCII without a NUL in front of any line, so that there is nothing to mend."""

    @property
    def lines(self) -> int:
        return len(self.line_starts)

    @property
    def blanks(self) -> int:
        return len(self.blank_starts)

    @property
    def joined(self) -> int:
        """Lines that continue the record before them."""
        return self.lines - self.blanks - len(self.starts) + self.divided

    @property
    def text_bytes(self) -> int:
        """What the records' texts come to, and what stands between them."""
        return len(self.data) + sum(map(len, self.mended.values()))

    def piece(self, first: int, last: int) -> "Records":
        """The records from `first` up to, not with, `last`, with all bytes between the two."""
        begin = int(self.starts[first]) if first else 0
        end = int(self.starts[last]) if last < len(self.starts) else len(self.data)
        return Records(
            self.data[begin:end],
            self.starts[first:last] - begin,
            self.ends[first:last] - begin,
            self.lengths[first:last],
            _between(self.line_starts, begin, end),
            _between(self.blank_starts, begin, end),
            is_plain=self.is_plain,
        )

    def text(self, index: int) -> bytes:
        """The bytes of one record, as they stand in the file."""
        return bytes(self.data[self.starts[index] : self.ends[index]])

    def table(self, base: int, indices: Positions | slice = _ALL) -> pa.Table:
        """The relation `lines(pos, bytes, raw)` that formats select from; `base` is the position of the chunk."""
        return pa.table(
            {
                "pos": pa.array((self.starts[indices] + base).astype(np.uint64)),
                "bytes": pa.array(self.lengths[indices].astype(np.uint32)),
                "raw": self.column(indices),
            }
        )

    def column(self, indices: Positions | slice = _ALL) -> pa.Array:
        """The texts, as views into `data`, or of what was mended."""
        views = _views(np.frombuffer(self.data, np.uint8), self.starts, self.ends)
        buffers = [None, None, pa.py_buffer(self.data)]
        if self.mended:
            mended = b"".join(self.mended.values())
            ends = np.cumsum([len(text) for text in self.mended.values()])
            starts = ends - [len(text) for text in self.mended.values()]
            views[list(self.mended)] = _views(np.frombuffer(mended, np.uint8), starts, ends, buffer=1)
            buffers.append(pa.py_buffer(mended))
        views = views[indices]
        buffers[1] = pa.py_buffer(views)
        return pa.Array.from_buffers(pa.string_view(), len(views), buffers)


class _Found(ctypes.Structure):
    """As in `scan.c`."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("line_starts", "blank_starts", "starts", "ends", "lengths")),
        *((name, ctypes.c_int64) for name in ("room", "lines", "records", "blanks")),
        ("bits", ctypes.c_uint8),
    )


def split(data: memoryview, *, at_start: bool, most: int = sys.maxsize) -> Records:
    """The lines of `data`, blank ones left out; the last may lack its newline.

    Of more than `most` lines only so many are taken, and so much of `data`. `at_start` says that the chunk is the
    beginning of the file, where a byte-order mark may stand.
    """
    octets = np.frombuffer(data, np.uint8)
    parts = list[Sequence[Positions]]()
    end, bits, room = 0, 0, len(octets) // 64 + 64
    skip = len(_BOM) if at_start and data[: len(_BOM)] == _BOM else 0
    while end < len(octets) and most:
        line_starts, blank_starts, starts, ends, lengths = room_for = np.empty((5, min(room, most)), np.int64)
        found = _Found(*map(address, room_for), len(line_starts))
        end = library().logpipe_lines(
            *(address(octets), ctypes.c_int64(len(octets)), ctypes.c_int64(end), ctypes.c_int64(skip)),
            ctypes.byref(found),
        )
        records = slice(found.records)
        parts.append(
            (starts[records], ends[records], lengths[records], line_starts[: found.lines], blank_starts[: found.blanks])
        )
        most, bits, skip, room = most - found.lines, bits | found.bits, 0, 4 * room
    starts, ends, lengths, line_starts, blank_starts = (
        np.concatenate(pieces) if len(pieces) > 1 else pieces[0] for pieces in zip(*parts or [_NONE], strict=True)
    )
    return Records(data[:end], starts, ends, lengths, line_starts, blank_starts, is_plain=bits < 0x80)


def _between(positions: Positions, begin: int, end: int) -> Positions:
    """Those from `begin` up to `end`, counted from `begin`; positions are in order."""
    first, last = np.searchsorted(positions, (begin, end))
    return positions[first:last] - begin


def join(records: Records, begins: npt.NDArray[np.bool_]) -> Records:
    """Join each line that begins no record to the one before it; a first line begins one whatever it looks like."""
    if not len(begins):
        return records
    begins = begins.copy()
    begins[0] = True
    firsts = np.flatnonzero(begins)
    lasts = np.append(firsts[1:], len(begins)) - 1
    starts, ends = records.starts[firsts], records.ends[lasts]
    lengths = records.starts[lasts] + records.lengths[lasts] - starts
    places = (starts, ends, lengths, records.line_starts, records.blank_starts)
    return Records(records.data, *places, is_plain=records.is_plain)


def mend(records: Records) -> None:
    """Make the text of every record valid UTF-8, without NULs in front, and note what was mended.

    The bytes as they stood go into the notes, in base64, so that nothing is lost.
    """
    if records.is_plain:
        return
    _strip_nuls(records)
    column = records.column()
    for first in range(0, len(column), _VALIDATED_TOGETHER):
        piece = column[first : first + _VALIDATED_TOGETHER]
        if not _is_valid(piece):
            for index in range(first, first + len(piece)):
                _mend_utf8(records, index)


def _is_valid(texts: pa.Array) -> bool:
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _strip_nuls(records: Records) -> None:
    """Skip the NULs in front of a line: what a writer without O_APPEND leaves after a truncation."""
    if not len(records.starts):
        return
    octets = np.frombuffer(records.data, np.uint8)
    for index in np.flatnonzero(octets[records.starts] == 0).tolist():
        text = records.text(index)
        rest = text.lstrip(b"\0")
        if rest:
            records.mended[index] = rest
            records.notes[index] = {"nul_bytes_skipped": len(text) - len(rest)}


def note_unterminated(records: Records) -> None:
    """Say of the last record that it was taken without its newline."""
    if len(records.starts):
        last = len(records.starts) - 1
        records.mended.setdefault(last, records.text(last))
        records.notes.setdefault(last, {})["unterminated"] = True


def cut_nested(records: Records) -> None:
    """Cut JSON that nests deeper than a parser's stack bears to what is no JSON, so that it is a reject, whole.

    DuckDB's parser ends the process somewhere above a hundred thousand levels.
    """
    for index in np.flatnonzero(records.lengths > _DEEPEST).tolist():
        if _depth(records.text(index)) > _DEEPEST:
            records.mended[index] = b"{"


def _depth(text: bytes) -> int:
    """How deep the JSON nests; what stands in its strings does not count."""
    if text.count(b"[") + text.count(b"{") <= _DEEPEST:
        return 0
    octets = np.frombuffer(_STRING.sub(b"", text), np.uint8)
    opening, closing = (octets == ord("[")) | (octets == ord("{")), (octets == ord("]")) | (octets == ord("}"))
    return int(np.cumsum(opening.astype(np.int64) - closing).max(initial=0))


def _mend_utf8(records: Records, index: int) -> None:
    before = records.mended.get(index) or records.text(index)
    after = before.decode("utf-8", "replace").encode()
    if after != before:
        records.mended[index] = after
        note = base64.b64encode(records.text(index)).decode()
        records.notes.setdefault(index, {})["invalid_utf8_base64"] = note


def _views(octets: npt.NDArray[np.uint8], starts: Positions, ends: Positions, buffer: int = 0) -> npt.NDArray[np.int32]:
    """Arrow's string views: https://arrow.apache.org/docs/format/Columnar.html#variable-size-binary-view-layout"""
    lengths = ends - starts
    views = np.empty((len(starts), 4), np.int32)
    views[:, 0] = lengths
    views[:, 1] = _prefixes(octets, starts)
    views[:, 2] = buffer
    views[:, 3] = starts
    short = np.flatnonzero(lengths <= _INLINE)
    if len(short):
        reach, steps = len(octets) - 1, np.arange(_INLINE)
        inline = octets[np.minimum(starts[short, None] + steps, reach)]
        inline[steps >= lengths[short, None]] = 0
        views[short, 1:] = np.ascontiguousarray(inline).view(np.int32)
    return views


def _prefixes(octets: npt.NDArray[np.uint8], starts: Positions) -> npt.NDArray[np.int32]:
    """The four bytes at each start; whatever there is where fewer are left."""
    if len(octets) < 4:
        return np.zeros(len(starts), np.int32)
    quads = np.ndarray((len(octets) - 3,), np.int32, octets, strides=(1,))
    return quads[np.minimum(starts, len(quads) - 1)]

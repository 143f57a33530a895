"""The bytes of a file behind a position, as a window that is filled and advanced."""

import sys

import numpy as np
import numpy.typing as npt

from logpipe.ingest import lines
from logpipe.ingest.chunk import TAIL_BYTES
from logpipe.ingest.reader import Reader

CHUNK_BYTES = 64 << 20
"""The most that one transaction takes, and the longest line that can be an event."""

_FIRST_BYTES = 8 << 20
_OURS_ALONE = 3
"""References to a buffer that only the list of buffers holds: it, the variable and the argument of the count."""


class Flow:
    """A window over a file. What was cut out of a filling stays as it is for as long as anything refers to it."""

    def __init__(self, reader: Reader, position: int) -> None:
        self.reader = reader
        self.position = position
        """Of the first byte of `data` in the file."""
        self.more = True
        """Whether the last filling left no room, so that the file may hold more."""
        self._buffers: list[npt.NDArray[np.uint8]] = []
        self._buffer = np.empty(0, np.uint8)
        self._begin = self._end = 0
        self._aim = _FIRST_BYTES
        behind = bytearray(min(TAIL_BYTES, position))
        reader.seek(position - len(behind))
        self.tail = bytes(behind[: reader.read_into(memoryview(behind))])
        """The bytes before `position`, at most `TAIL_BYTES`."""

    @property
    def data(self) -> memoryview:
        """What has been read and not passed."""
        return self._buffer.data[self._begin : self._end]

    @property
    def full(self) -> bool:
        """Whether the window is as large as a window may be."""
        return len(self.data) >= CHUNK_BYTES

    @property
    def within_a_line(self) -> bool:
        """Whether `data` begins in the middle of a line."""
        return bool(self.tail) and self.tail[-1] != lines.NEWLINE

    def aim(self, size: float) -> None:
        """Say how large the next filling is best: as large as a chunk of the rows that a transaction takes."""
        self._aim = int(size)

    def fill(self) -> bool:
        """Read on behind what is left, and further than the last time if nothing was passed since.

        Returns whether anything is there.

        Raises:
            InputError: reading failed.
        """
        left = self.data
        wanted = max(self._aim, 0 if self._begin else 2 * len(left))
        size = max(len(left), min(CHUNK_BYTES, wanted, len(left) + self._expected()))
        buffer = self._free(size)[:size]
        buffer[: len(left)] = left
        self._begin, self._end = 0, len(left) + self.reader.read_into(buffer.data[len(left) :])
        self._buffer = buffer
        self.more = self._end == size
        return self._end > 0

    def advance(self, size: int) -> None:
        """Pass over the first bytes of `data`."""
        passed = self.data[:size]
        self.tail = (self.tail + bytes(passed[-TAIL_BYTES:]))[-TAIL_BYTES:]
        self._begin += size
        self.position += size

    def find_newline(self) -> int:
        """Bytes of `data` up to and with the first newline; 0 without one."""
        return lines.find_newline(self._buffer[self._begin : self._end]) + 1

    def find_last_newline(self) -> int:
        """Bytes of `data` up to and with the last newline; 0 without one."""
        return lines.find_last_newline(self._buffer[self._begin : self._end]) + 1

    def _free(self, size: int) -> npt.NDArray[np.uint8]:
        """A buffer that nothing refers to any more: memory that was used before is cheaper than fresh one."""
        for buffer in self._buffers:
            if len(buffer) >= size and sys.getrefcount(buffer) == _OURS_ALONE:
                return buffer
        self._buffers = [buffer for buffer in self._buffers if sys.getrefcount(buffer) > _OURS_ALONE]
        self._buffers.append(np.empty(size + size // 8, np.uint8))  # the next filling may be a little larger
        return self._buffers[-1]

    def _expected(self) -> int:
        """The bytes that remain, and one, so that reading them all leaves room; compressed files do not tell."""
        if self.reader.compression is not None:
            return CHUNK_BYTES
        return max(0, self.reader.stat().st_size - self.reader.position) + 1

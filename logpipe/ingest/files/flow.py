"""The bytes of a file behind a position, as a window that is filled and advanced."""

from logpipe.ingest.files.fingerprint import TAIL_BYTES
from logpipe.ingest.files.reader import HEAD_BYTES, Reader, Replaced
from logpipe.ingest.scanning.lines import NEWLINE

CHUNK_BYTES = 64 << 20
"""The most that one transaction takes, and the longest line that can be an event."""

_FIRST_BYTES = 48 << 20


class Flow:
    """A window over a file. What was cut out of a filling stays as it is for as long as anything refers to it."""

    def __init__(self, reader: Reader, position: int) -> None:
        self.reader = reader
        self.position = position
        """Of the first byte of `data` in the file."""
        self.more = True
        """Whether the last filling left no room, so that the file may hold more."""
        self._buffers: list[bytearray] = []
        self._buffer = bytearray()
        self._begin = self._end = 0
        self._aim = _FIRST_BYTES
        behind = bytearray(min(TAIL_BYTES, position))
        reader.seek(position - len(behind))
        self.tail = bytes(behind[: reader.read_into(memoryview(behind))])
        """The bytes before `position`, at most `TAIL_BYTES`."""

    @property
    def data(self) -> memoryview:
        """What has been read and not passed."""
        return memoryview(self._buffer)[self._begin : self._end]

    @property
    def full(self) -> bool:
        """Whether the window is as large as a window may be."""
        return len(self.data) >= CHUNK_BYTES

    @property
    def within_a_line(self) -> bool:
        """Whether `data` begins in the middle of a line; a NUL, of which holes are made, is part of none."""
        return bool(self.tail) and self.tail[-1] not in (NEWLINE, 0)

    def hole(self) -> int | None:
        """How many bytes were never written at `position`, see `Reader.hole`; 0 while something is in the window."""
        return 0 if len(self.data) else self.reader.hole(self.position)

    def skip(self, size: int) -> None:
        """Pass over a hole."""
        self.position += size
        self.tail = (self.tail + bytes(min(size, TAIL_BYTES)))[-TAIL_BYTES:]
        self.reader.seek(self.position)

    def aim(self, size: float) -> None:
        """Say how large the next filling is best: as large as a chunk of the rows that a transaction takes."""
        self._aim = int(size)

    def fill(self) -> bool:
        """Read on behind what is left, and further than the last time if nothing was passed since.

        Returns whether anything is there.

        Raises:
            InputError: reading failed.
            Replaced: the file was overwritten meanwhile, so that what was read may be of two.
        """
        left = self.data
        wanted = max(self._aim, 0 if self._begin else 2 * len(left))
        size = max(len(left), min(CHUNK_BYTES, wanted, len(left) + self._expected()))
        buffer = self._free(size)
        window = memoryview(buffer)[:size]
        window[: len(left)] = left
        self._begin, self._end = 0, len(left) + self.reader.read_into(window[len(left) :])
        self._buffer = buffer
        self.more = self._end == size
        if not self._follows():
            raise Replaced(f"{self.reader.path} was overwritten while it was read", reason="replaced")
        return self._end > 0

    def advance(self, size: int) -> None:
        """Pass over the first bytes of `data`."""
        passed = self.data[:size]
        self.tail = (self.tail + bytes(passed[-TAIL_BYTES:]))[-TAIL_BYTES:]
        self._begin += size
        self.position += size

    def give_back(self) -> None:
        """Leave what was not passed to who reads on with the same reader."""
        self.reader.take_back(self.tail, bytes(self.data))

    def find_newline(self) -> int:
        """Bytes of `data` up to and with the first newline; 0 without one."""
        return max(0, self._buffer.find(b"\n", self._begin, self._end) + 1 - self._begin)

    def find_last_newline(self) -> int:
        """Bytes of `data` up to and with the last newline; 0 without one."""
        return max(0, self._buffer.rfind(b"\n", self._begin, self._end) + 1 - self._begin)

    def _follows(self) -> bool:
        """Whether what was read stands behind what was passed: the file has it still."""
        if self.position:
            return self.reader.holds(self.position - len(self.tail), self.tail)
        return self.reader.holds(0, bytes(self.data[:HEAD_BYTES]))

    def _free(self, size: int) -> bytearray:
        """A buffer into which nothing looks any more: memory that was used before is cheaper than fresh one."""
        self._buffers = [buffer for buffer in self._buffers if len(buffer) >= size or _is_looked_into(buffer)]
        for buffer in self._buffers:
            if len(buffer) >= size and not _is_looked_into(buffer):
                return buffer
        self._buffers.append(bytearray(size + size // 8))  # the next filling may be a little larger
        return self._buffers[-1]

    def _expected(self) -> int:
        """The bytes that remain, and one, so that reading them all leaves room; compressed files do not tell."""
        if self.reader.compression is not None:
            return CHUNK_BYTES
        return max(0, self.reader.size() - self.reader.position) + 1


def _is_looked_into(buffer: bytearray) -> bool:
    """Whether a view of the buffer is alive, be it of Python, NumPy or Arrow: then it cannot change its size."""
    try:
        buffer.append(buffer.pop())
    except BufferError:
        return True
    return False

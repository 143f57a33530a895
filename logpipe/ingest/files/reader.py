"""Reading a file at a position, plain or compressed; positions count decompressed bytes."""

import bz2
import codecs
import errno
import gzip
import lzma
import os
import sys
import zlib
from io import BufferedIOBase, FileIO
from typing import Final, Literal, Self, cast

from logpipe.errors import InputError
from logpipe.ingest.files.fingerprint import TAIL_BYTES

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Compression = Literal["gzip", "zstd", "bz2", "xz", "utf-16-le", "utf-16-be"]
"""How the bytes of a file stand for UTF-8 text: compressed, or in another encoding with its byte-order mark."""

TRANSCODED: Final = ("utf-16-le", "utf-16-be")

_MAGIC: Final[tuple[tuple[bytes, Compression], ...]] = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\x00", "xz"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
HEAD_BYTES = 4096
_PIECE = 1 << 20
_BLOCK = 64 << 10
"""Holes begin and end at blocks of the file system: so much of NULs may stand before one."""
_DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError, zstd.ZstdError)


class Replaced(InputError):  # noqa: N818 - a state: the name leads to another file by now, or to none
    """The file is not what it was when it was found."""


def compression_of(path: str) -> Compression | None:
    """How the file is compressed, by its first bytes and not by its name.

    The mark of UTF-16 counts where a NUL follows soon, as in any text with spaces, digits or line ends.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise _unreadable(path, error) from error
    name = next((name for magic, name in _MAGIC if head.startswith(magic)), None)
    return None if name in TRANSCODED and b"\0" not in head else name


class Reader:
    """An open log file, read from front to back; `seek` goes elsewhere (compressed data is decompressed again for it).

    The descriptor stays open through a rename or an unlink, so that what was written is still read.
    """

    def __init__(self, path: str, compression: Compression | None) -> None:
        self.path = path
        self.compression = compression
        self.damage: str | None = None
        """What is wrong with the compressed data, once it was met; all before it has been read."""
        self.position = 0
        """The next byte to be read."""
        self._head: bytes | None = None
        self._behind = self._ready = b""
        """Of decompressed bytes the last that were read, to go back a little, and those that are to be read again."""
        try:
            self._raw = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by close()
        except OSError as error:
            raise _unreadable(path, error) from error
        self._stream: BufferedIOBase = (
            _decompressed(self._raw, compression) if compression else cast("BufferedIOBase", self._raw)
        )

    def seek(self, position: int) -> None:
        """Go to a byte; the end of the data if there are fewer.

        Raises:
            InputError: reading failed.
        """
        if self.compression is None:
            self._raw.seek(position)
            self.position = position
            return
        back = self.position - position
        if 0 < back <= len(self._behind) and not self.grows:  # what grows may have been overwritten
            self._behind, self._ready = self._behind[:-back], self._behind[-back:] + self._ready
            self.position = position
        elif back > 0:
            self._raw.seek(0)
            self._stream, self.position = _decompressed(self._raw, self.compression), 0
            self._behind = self._ready = b""
        while self.position < position and self._read(min(position - self.position, _PIECE)):
            pass

    def read_into(self, buffer: memoryview) -> int:
        """Fill `buffer` with the next bytes; fewer than fit mean that there are no more now.

        Raises:
            InputError: reading failed.
        """
        filled = 0
        while filled < len(buffer):
            count = self._read_some(buffer[filled : filled + _PIECE])
            if not count:
                break
            filled += count
        return filled

    def _read_some(self, buffer: memoryview) -> int:
        if self.compression is not None:
            piece = self._read(len(buffer))
            buffer[: len(piece)] = piece
            return len(piece)
        try:
            count = self._raw.readinto(buffer)
        except OSError as error:
            raise _unreadable(self.path, error) from error
        self.position += count
        return count

    def _read(self, size: int) -> bytes:
        piece, self._ready = self._ready[:size], self._ready[size:]
        if not piece:
            try:
                piece = self._stream.read1(size)  # `read` would lose what stands before the damage
            except _DAMAGED as error:
                self.damage = f"the {self.compression} data is damaged or cut off ({error})"
                return b""
        self.position += len(piece)
        self._behind = (self._behind + piece[-TAIL_BYTES:])[-TAIL_BYTES:]
        return piece

    def peek(self) -> bytes:
        """The first bytes of the file, decompressed, at most `HEAD_BYTES`; compressed data is read once for it."""
        if self._head is None or self.grows:
            self.seek(0)
            buffer = memoryview(bytearray(HEAD_BYTES))
            self._head = bytes(buffer[: self.read_into(buffer)])
        return self._head

    @property
    def grows(self) -> bool:
        """Whether such a file is written to line by line; compressed ones are not."""
        return self.compression in (None, *TRANSCODED)

    def take_back(self, behind: bytes, data: bytes) -> None:
        """Read `data` once more, which was read last and stands behind `behind`, without decompressing it again."""
        if self.compression is not None:
            self._behind, self._ready = behind, data + self._ready
            self.position -= len(data)

    def holds(self, position: int, data: bytes) -> bool:
        """Whether these bytes stand there now; compressed data is not read again for it."""
        try:
            return self.compression is not None or os.pread(self._raw.fileno(), len(data), position) == data
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def hole(self, position: int) -> int | None:
        """How many bytes from `position` on were never written: a writer that goes on behind a truncation leaves such.

        They read as NULs, without end in a sparse file, and are not worth reading. 0 where data stands there or soon
        behind it; None where nothing but a hole is left: what will be written there is still to come.
        """
        if self.compression is not None:
            return 0
        descriptor = self._raw.fileno()
        try:
            start = os.lseek(descriptor, position, os.SEEK_HOLE)
            if start - position > _BLOCK or os.pread(descriptor, start - position, position).strip(b"\0"):
                return 0
            if start >= self.size():
                return 0
            return os.lseek(descriptor, start, os.SEEK_DATA) - position
        except OSError as error:
            return None if error.errno == errno.ENXIO and position < self.size() else 0
        finally:
            self._raw.seek(self.position)

    def size(self) -> int:
        """Of the file as it is now, compressed if it is."""
        return self.stat().st_size

    def stat(self) -> os.stat_result:
        """Of the open file, wherever its name points now."""
        try:
            return os.fstat(self._raw.fileno())
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def close(self) -> None:
        self._stream.close()
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Remembered(Reader):
    """Bytes of a file that were read and are nowhere else any more, at the place where they stood."""

    def __init__(self, path: str, position: int, data: bytes) -> None:
        self.path, self.compression, self.damage, self.position, self._head = path, None, None, position, None
        self._start, self._data = position, data

    def seek(self, position: int) -> None:
        self.position = position

    def holds(self, position: int, data: bytes) -> bool:  # noqa: ARG002 - nobody can write there
        return True

    def hole(self, position: int) -> int | None:  # noqa: ARG002 - there is none anywhere
        return 0

    def size(self) -> int:
        return self._start + len(self._data)

    def close(self) -> None:
        """There is nothing to close."""

    def _read_some(self, buffer: memoryview) -> int:
        piece = self._data[self.position - self._start :][: len(buffer)]
        buffer[: len(piece)] = piece
        self.position += len(piece)
        return len(piece)


class _Transcoded:
    """A file in UTF-16 as a stream of UTF-8; what cannot be decoded becomes U+FFFD.

    Of a character that the file ends within nothing is given: its end may come yet, and then it is another one.
    """

    def __init__(self, raw: FileIO, encoding: str) -> None:
        self._raw = raw
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._ready = b""

    def read1(self, size: int) -> bytes:
        while not self._ready:
            piece = self._raw.read(_PIECE)
            if not piece:
                break
            self._ready = self._decoder.decode(piece).encode()
        taken, self._ready = self._ready[:size], self._ready[size:]
        return taken

    def close(self) -> None:
        self._raw.close()


def _decompressed(raw: FileIO, compression: Compression) -> BufferedIOBase:
    match compression:
        case "utf-16-le" | "utf-16-be":
            return cast("BufferedIOBase", _Transcoded(raw, compression))
        case "gzip":
            return cast("BufferedIOBase", gzip.GzipFile(fileobj=raw))
        case "bz2":
            return cast("BufferedIOBase", bz2.BZ2File(raw))
        case "xz":
            return cast("BufferedIOBase", lzma.LZMAFile(raw))
        case "zstd":
            return cast("BufferedIOBase", zstd.ZstdFile(raw))


def _unreadable(path: str, error: Exception) -> InputError:
    kind = Replaced if isinstance(error, FileNotFoundError) else InputError
    return kind(
        f"cannot read {path}: {str(getattr(error, 'strerror', None) or error).lower()}",
        remedy="check the name and its permissions" if os.path.exists(path) else "check the name",
        reason="unreadable",
    )

"""A log that rotates, in the hands of an unkind administrator: what the random machines act upon."""

import bz2
import gzip
import lzma
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from backports import zstd

from tests.ingest.logs import line

KEPT = 4
HEADER = 9_999_999
"""The seq of the line that every file may begin with alike; it is not counted."""

COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd.compress,
}
_DECOMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.decompress,
    "bz2": bz2.decompress,
    "xz": lzma.decompress,
    "zst": zstd.decompress,
}


class RotatingLog:
    """`app.jsonl`, and `app.jsonl.1` to `.4`, some of them compressed."""

    def __init__(self, folder: Path, header: bytes = b"") -> None:
        self.folder = folder
        self.header = header
        self.path = folder / "app.jsonl"
        self.written: list[int] = []
        """The numbers of all lines that were written to their end."""
        self._next = 0
        self._rest: tuple[int, int, bytes] | None = None
        """Of a line half written: the inode and the size of its file, and what is still to come."""

    def append(self, count: int) -> None:
        """Some lines more; first the end of the one that was begun."""
        with self.path.open("ab") as file:
            self._go_on(file.fileno())
            if count and file.tell() == 0:
                file.write(self.header)
            file.write(self._lines(count))

    def begin_line(self, percent: int) -> None:
        """Half a line; its other half comes with the next lines, if the file is still there."""
        self.append(0)
        whole = line(self._next)
        size = 1 + len(whole) * percent // 101
        with self.path.open("ab") as file:
            if file.tell() == 0:
                file.write(self.header)
            file.write(whole[:size])
            self._rest = os.fstat(file.fileno()).st_ino, file.tell(), whole[size:]

    def rename(self, late: int) -> None:
        """Rotation as logging.handlers does it; `late` lines come through the old descriptor."""
        self._make_room()
        with self.path.open("ab", buffering=0) as old:
            self.path.rename(self._rotated(1))
            if late:
                self._go_on(old.fileno())
                os.write(old.fileno(), self._lines(late))

    def copy(self) -> None:
        """The first half of copytruncate."""
        self._make_room()
        shutil.copyfile(self.path, self._rotated(1))

    def truncate(self) -> None:
        os.truncate(self.path, 0)

    def delete(self) -> None:
        self.path.unlink()

    def compress(self, number: int, suffix: str) -> Iterator[None]:
        """As gzip does it: both stand side by side for a moment, at which this stops."""
        plain = self._rotated(number)
        if plain.exists():
            plain.with_name(f"{plain.name}.{suffix}").write_bytes(COMPRESSIONS[suffix](plain.read_bytes()))
            yield
            plain.unlink()

    def files(self) -> dict[Path, bytes]:
        """What stands in the files now, decompressed."""
        return {path: _DECOMPRESSIONS.get(path.suffix[1:], bytes)(path.read_bytes()) for path in self.folder.iterdir()}

    def lines(self) -> set[int]:
        """The numbers of the whole lines that stand in the files now."""
        texts = (text for data in self.files().values() for text in data.split(b"\n")[:-1])
        return {int(text.split(b'"seq":')[1].rstrip(b"}")) for text in texts} - {HEADER}

    def _lines(self, count: int) -> bytes:
        numbers = range(self._next, self._next + count)
        self._next += count
        self.written += numbers
        return b"".join(map(line, numbers))

    def _go_on(self, descriptor: int) -> None:
        """Write the rest of the line that was begun, where its beginning still is the end of the file."""
        if self._rest is None:
            return
        inode, size, rest = self._rest
        status = os.fstat(descriptor)
        if (status.st_ino, status.st_size) == (inode, size):
            os.write(descriptor, rest)
            self.written.append(self._next)
        self._rest = None
        self._next += 1

    def _make_room(self) -> None:
        for path in self._all(KEPT):
            path.unlink()
        for number in reversed(range(1, KEPT)):
            for path in self._all(number):
                path.rename(self.folder / path.name.replace(f".jsonl.{number}", f".jsonl.{number + 1}"))

    def _all(self, number: int) -> list[Path]:
        plain = self._rotated(number)
        return [plain] * plain.exists() + sorted(self.folder.glob(f"app.jsonl.{number}.*"))

    def _rotated(self, number: int) -> Path:
        return self.folder / f"app.jsonl.{number}"

"""Standard input as a file that grows, so that it is read, hashed and accounted for like any other."""

import os
import sys
import tempfile
import threading
import time
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from logpipe.errors import InputError
from logpipe.ingest.files.ending import FINAL_AFTER_S
from logpipe.ingest.files.flow import CHUNK_BYTES
from logpipe.ingest.files.reader import HEAD_BYTES, compression_of

STDIN = "-"
_PIECE = 1 << 20
_FOLDER, _NAME = "logpipe-", "standard input"


def was_standard_input(path: str) -> bool:
    """Whether the source of this path came from standard input, by where a `Spool` puts its file."""
    return Path(path).name == _NAME and Path(path).parent.name.startswith(_FOLDER)


class Spool:
    """A temporary file to which standard input is copied while the block runs.

    Lines come whole; compressed data comes at once, when it has ended.
    """

    def __init__(self, ends: threading.Event | None) -> None:
        """`ends` is set when there is no more to come.

        Raises:
            InputError: there is no standard input, or it is a terminal.
        """
        if sys.stdin is None or sys.stdin.isatty():
            kind = "closed" if sys.stdin is None else "a terminal"
            raise InputError(f"standard input is {kind}", remedy="pipe a log into it: cat app.log | logpipe ingest -")
        self.ended = False
        """Whether all of standard input is in the file."""
        self.error: InputError | None = None
        """Why it could not be copied to its end."""
        self._ends = ends
        self._source = sys.stdin.fileno()  # past its buffer, whose lock would be held when the process ends
        self._folder = tempfile.TemporaryDirectory(prefix=_FOLDER)
        self.path = Path(self._folder.name) / _NAME

    def __enter__(self) -> Self:
        self.path.touch()
        threading.Thread(target=self._copy, name="logpipe-stdin", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def _copy(self) -> None:
        try:
            begun = self._read()
            while b"\n" not in begun and len(begun) < HEAD_BYTES and (piece := self._read()):
                begun += piece
            whole = self.path.with_suffix(".whole")
            whole.write_bytes(begun)
            if compression_of(str(whole)) is None:
                whole.unlink()
                self._copy_lines(begun)
            else:
                with whole.open("ab") as file:
                    while piece := self._read():
                        file.write(piece)
                os.replace(whole, self.path)
            rested = time.time() - 2 * FINAL_AFTER_S
            os.utime(self.path, (rested, rested))  # nothing will follow the last record
            self.ended = True
        except OSError as error:
            self.error = InputError(
                f"standard input could not be copied to {self._folder.name}: {(error.strerror or str(error)).lower()}",
                remedy="what came before is committed; free some room there, or set TMPDIR",
                reason="spool",
            )
        finally:
            if self._ends is not None:
                self._ends.set()

    def _copy_lines(self, piece: bytes) -> None:
        """The end of a line that has not come yet is held back; a last line without its newline gets one."""
        held = bytearray()
        with self.path.open("ab", buffering=0) as file:
            while piece:
                lines, newline, rest = piece.rpartition(b"\n")
                if newline or len(held) > CHUNK_BYTES:
                    _write(file, bytes(held) + lines + newline)
                    held.clear()
                held += rest
                piece = self._read()
            if held:
                _write(file, bytes(held) + b"\n")

    def _read(self) -> bytes:
        return os.read(self._source, _PIECE)


def _write(file: FileIO, data: bytes) -> None:
    """All of it: a volume that is nearly full takes what it has room for, and says nothing."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]

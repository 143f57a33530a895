"""Standard input as a file that grows, so that it is read, hashed and accounted for like any other."""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path

from logpipe.errors import InputError
from logpipe.ingest.intake import FINAL_AFTER_S
from logpipe.ingest.reader import compression_of

STDIN = "-"
_PIECE = 1 << 20


@contextmanager
def spooled(paths: Sequence[str], ended: threading.Event) -> Iterator[list[str]]:
    """The paths, with `-` replaced by a temporary file to which standard input is copied while the block runs.

    Lines come whole; compressed data comes at once, when it has ended. `ended` is set when all is in the file.

    Raises:
        InputError: standard input is a terminal.
    """
    if STDIN not in paths:
        yield list(paths)
        return
    if sys.stdin.isatty():
        raise InputError("standard input is a terminal", remedy="pipe a log into it: cat app.log | logpipe ingest -")
    with tempfile.TemporaryDirectory(prefix="logpipe-") as folder:
        spool = Path(folder) / "stdin"
        spool.touch()
        source = sys.stdin.buffer
        threading.Thread(target=_copy, args=(source, spool, ended), name="logpipe-stdin", daemon=True).start()
        yield [str(spool) if path == STDIN else path for path in paths]


def _copy(source: BufferedIOBase, spool: Path, ended: threading.Event) -> None:
    whole = spool.with_suffix(".whole")
    try:
        begun = source.read1(_PIECE)
        whole.write_bytes(begun)
        if compression_of(str(whole)) is None:
            whole.unlink()
            _copy_lines(source, spool, begun)
        else:
            with whole.open("ab") as file:
                while piece := source.read1(_PIECE):
                    file.write(piece)
            os.replace(whole, spool)
        rested = time.time() - 2 * FINAL_AFTER_S
        os.utime(spool, (rested, rested))  # nothing will follow the last record
    finally:
        ended.set()


def _copy_lines(source: BufferedIOBase, spool: Path, begun: bytes) -> None:
    """The end of a line that has not come yet is held back; a last line without its newline gets one."""
    held = bytearray()
    piece = begun
    with spool.open("ab", buffering=0) as file:
        while piece:
            lines, newline, rest = piece.rpartition(b"\n")
            if newline:
                file.write(bytes(held) + lines + newline)
                held.clear()
            held += rest
            piece = source.read1(_PIECE)
        if held:
            file.write(bytes(held) + b"\n")

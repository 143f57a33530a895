"""Files that a reader sees whole or not at all."""

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from logpipe.errors import LogpipeError

MODE = 0o644
"""Of a finished file: the textfile collector and other readers run as other users."""

_unfinished: set[str] = set()


def discard_unfinished() -> None:
    """Remove the files that were begun, for a process that ends without unwinding."""
    for temporary in tuple(_unfinished):  # other threads are still at work
        with suppress(OSError):
            os.unlink(temporary)


@contextmanager
def open_output(name: str) -> Iterator[BinaryIO]:
    """Open the output `name` for writing; `-` is standard output.

    A regular file appears, under its name and readable by all, only when the block ends without an error: it is written
    beside its place as `.NAME.*.tmp`, brought to the disk, and renamed. Pipes and devices are written directly.

    Raises:
        LogpipeError: the output cannot be written; reason `output`.
    """
    try:
        with _opened(name) as file:
            yield file
    except BrokenPipeError:  # the reader has seen enough, which is its right
        raise
    except OSError as error:
        raise LogpipeError(
            f"cannot write {'standard output' if name == '-' else name}: {error.strerror or error}",
            remedy=None if name == "-" else "choose a file in a folder that exists, is writable and has room",
            reason="output",
        ) from error


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdout.buffer
        sys.stdout.flush()
    elif _is_special(name):
        with open(name, "wb") as file:
            yield file
    else:
        with _replacing(Path(os.path.realpath(name))) as file:
            yield file


def _is_special(name: str) -> bool:
    try:
        mode = os.stat(name).st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    if path.is_dir():
        raise IsADirectoryError(None, "it is a folder")
    # The suffix is not that of the finished file: a collector that reads *.prom must not see this one.
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:200]}.", suffix=".tmp", dir=path.parent)
    _unfinished.add(temporary)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), MODE)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    finally:
        _unfinished.discard(temporary)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk, so that it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

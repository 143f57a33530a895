"""Rotated files: their names, their compression, and how long they are kept."""

import fcntl
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from logpipe.record import EMITTED_STREAMS

_NAME: Final = re.compile(rf"({'|'.join(EMITTED_STREAMS)})\.(\d{{8}}T\d{{6}}\.\d{{6}})Z-\d+\.jsonl(\.gz)?")
_LOCK: Final = ".housekeeping.lock"
_PART: Final = ".part"


@dataclass(frozen=True, slots=True)
class _Rotated:
    path: Path
    stream: str
    at: float
    compressed: bool


class Housekeeping:
    """Compresses and deletes the rotated files of one folder, one process at a time, in a thread of its own."""

    def __init__(self, folder: Path, *, compress: bool, keep_files: int, keep_days: int) -> None:
        self._folder = folder
        self._compress = compress
        self._keep_files = keep_files
        self._keep_days = keep_days
        self._begin()

    def _begin(self) -> None:
        self._thread: threading.Thread | None = None
        self._lock_fd: int | None = None
        self._again = False

    def wake(self) -> None:
        """Has the folder looked through soon; returns at once."""
        self._again = True
        if self._thread is not None and self._thread.is_alive():
            return
        thread = threading.Thread(target=self._work, name="logpipe-housekeeping", daemon=True)
        with suppress(RuntimeError):  # the interpreter ends, or has no room for a thread: the next rotation sees to it
            thread.start()
            self._thread = thread

    def finish(self, timeout_s: float) -> None:
        """Waits until what was begun is done."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
            if self._again and not self._thread.is_alive():
                self._work()

    def after_fork_in_child(self) -> None:
        """The thread stayed in the parent; so must its lock."""
        if self._lock_fd is not None:
            os.close(self._lock_fd)
        self._begin()

    def _work(self) -> None:
        with suppress(OSError):  # a full or vanished disk: the files stay as they are until the next time
            while self._again:
                self._again = False
                self._run()

    def _run(self) -> None:
        with self._alone() as alone:
            if not alone:
                return
            for part in self._folder.glob(f".*{_PART}"):  # of a process that was killed
                part.unlink(missing_ok=True)
            self._expire()
            if self._compress:
                for file in self._rotated():
                    if not file.compressed:
                        _gzip(file.path)

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether no other process is at it."""
        self._lock_fd = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
            fcntl.flock(self._lock_fd, fcntl.LOCK_UN)
        finally:
            fd, self._lock_fd = self._lock_fd, None
            if fd is not None:
                os.close(fd)

    def _expire(self) -> None:
        oldest = time.time() - self._keep_days * 86400 if self._keep_days else float("-inf")
        kept = dict.fromkeys(EMITTED_STREAMS, 0)
        for file in self._rotated():
            kept[file.stream] += 1
            if file.at < oldest or (self._keep_files and kept[file.stream] > self._keep_files):
                file.path.unlink(missing_ok=True)

    def _rotated(self) -> list[_Rotated]:
        """The rotated files, the newest first."""
        files = [file for name in os.listdir(self._folder) if (file := _parse(self._folder / name))]
        return sorted(files, key=lambda file: (file.at, file.path.name), reverse=True)


def _parse(path: Path) -> _Rotated | None:
    match = _NAME.fullmatch(path.name)
    if not match:
        return None
    try:
        at = datetime.strptime(match[2], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
    return _Rotated(path, match[1], at, match[3] is not None)


def _gzip(path: Path) -> None:
    """Replaces a file that nobody writes to by its gzip, which appears whole or not at all."""
    import gzip
    import shutil

    part = path.with_name(f".{path.name}{_PART}")
    target = path.with_name(f"{path.name}.gz")
    try:
        with path.open("rb") as source, part.open("wb") as sink:
            with gzip.GzipFile(path.name, "wb", 6, sink, mtime=0) as compressed:
                shutil.copyfileobj(source, compressed, 1 << 20)
            sink.flush()
            os.fsync(sink.fileno())
        status = path.stat()
        os.utime(part, ns=(status.st_atime_ns, status.st_mtime_ns))
        part.rename(target)
    except FileNotFoundError:  # deleted meanwhile, by hand or by an external retention
        return
    finally:
        part.unlink(missing_ok=True)
    path.unlink(missing_ok=True)

"""What becomes of files that nobody writes to any more: they get a final name, are compressed, and expire."""

import fcntl
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from logpipe.emit.compression import PART, replace_by_compressed
from logpipe.emit.drops import words_of
from logpipe.emit.file_names import Rotated, is_own, parse_rotated, rotated_path

_LOCK: Final = ".housekeeping.lock"
_NICENESS: Final = 10
_PIECE_BYTES: Final = 1 << 16


class Housekeeping:
    """Compresses and deletes the rotated files of one folder, one process at a time, in a thread of its own.

    compress: gzip, zstd or none
    keep_files: of each log; keep_days: by the time in their names; keep_bytes: altogether; 0 keeps all
    ours: the files that this process writes at present
    """

    def __init__(
        self,
        folder: Path,
        *,
        compress: str,
        keep_files: int,
        keep_days: int,
        keep_bytes: int,
        ours: Callable[[], Collection[Path]],
    ) -> None:
        self._folder = folder
        self._compress = compress
        self._keep_files = keep_files
        self._keep_days = keep_days
        self._keep_bytes = keep_bytes
        self._ours = ours
        self._said = False
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
        thread = threading.Thread(target=self._work_aside, name="logpipe-housekeeping", daemon=True)
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

    def _work_aside(self) -> None:
        thread = threading.get_native_id()  # Linux has a niceness for each; the application's own stays as it is
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))
        self._work()

    def _work(self) -> None:
        try:
            while self._again:
                self._again = False
                self._run()
        except OSError:  # a full or vanished disk: the files stay as they are until the next time
            return
        except Exception as error:  # noqa: BLE001 - after chroot(2), say, what compresses cannot be imported any more
            if not self._said:
                self._said = True
                _say(f"cannot see to rotated files: {words_of(error)}")

    def _run(self) -> None:
        with self._alone() as alone:
            if not alone:
                return
            for part in self._folder.glob(f".*{PART}"):  # of a process that was killed
                part.unlink(missing_ok=True)
            self._finish_files_of_the_dead()
            self._expire()
            try:
                self._compress_rotated()
            except OSError:  # it may be for want of room
                self._expire_by_bytes(self._rotated())
                raise
            self._expire_by_bytes(file for file in self._rotated() if file.compressed or self._compress == "none")

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

    def _finish_files_of_the_dead(self) -> None:
        found = [path for name in os.listdir(self._folder) if is_own(path := self._folder / name)]
        ours = self._ours()  # after the listing: what is made from now on is not in it
        for path in found:
            if path not in ours:
                with suppress(OSError):  # in use, gone meanwhile, or on a file system without locks
                    _finish_if_dead(path)

    def _compress_rotated(self) -> None:
        if self._compress == "none":
            return
        for file in self._rotated():
            if not file.compressed:
                replace_by_compressed(file.path, self._compress)

    def _expire(self) -> None:
        oldest = time.time() - self._keep_days * 86400 if self._keep_days else float("-inf")
        kept: Counter[str] = Counter()
        expired: list[Rotated] = []
        for file in self._rotated():
            kept[file.log] += 1
            if file.at < oldest or (self._keep_files and kept[file.log] > self._keep_files):
                expired.append(file)
        _delete(expired)

    def _expire_by_bytes(self, files: Iterable[Rotated]) -> None:
        total = 0
        expired: list[Rotated] = []
        for file in files if self._keep_bytes else ():
            with suppress(FileNotFoundError):
                total += file.path.stat().st_size
                if total > self._keep_bytes:
                    expired.append(file)
        _delete(expired)

    def _rotated(self) -> list[Rotated]:
        """The rotated files, the newest first."""
        files = [file for name in os.listdir(self._folder) if (file := parse_rotated(self._folder / name))]
        return sorted(files, key=lambda file: (file.at, file.path.name), reverse=True)


def _delete(newest_first: list[Rotated]) -> None:
    """The oldest first: if the process ends meanwhile, nothing is missing between what stays."""
    for file in reversed(newest_first):
        file.path.unlink(missing_ok=True)


def _finish_if_dead(path: Path) -> None:
    """Gives the file of a process that ended a final name, by the time of its last line; raises OSError if it lives."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)  # NFS grants an exclusive lock only to who may write
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        status = os.fstat(fd)
        if not os.path.samestat(status, path.stat()):
            return  # rotated a moment ago
        if _without_half_line(fd, status.st_size):
            path.rename(rotated_path(path, status.st_mtime))
        else:
            path.unlink()
    finally:
        os.close(fd)


def _without_half_line(fd: int, size: int) -> int:
    """Takes out what a killed process left of a line; the bytes that stay."""
    whole = end = size
    while end:
        begin = max(0, end - _PIECE_BYTES)
        whole = begin + os.pread(fd, end - begin, begin).rfind(b"\n") + 1
        if whole > begin:
            break
        whole = end = begin
    if whole < size:
        os.ftruncate(fd, whole)
    return whole


def _say(words: str) -> None:
    with suppress(Exception):  # standard error may be closed or replaced; there is nobody left to tell
        sys.stderr.write(f"logpipe: {words}\n")

"""One stream's file: whole lines appended by any number of threads and processes, rotated by rename.

A writer holds an exclusive `flock` on the file that the path names, checked by inode after the lock was got, for each
write. Who rotates holds it too. So nobody writes to a file once it was renamed, and it can be compressed at once.
Local file systems only: O_APPEND is not atomic over NFS.
"""

import fcntl
import os
import threading
import time
from bisect import bisect
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import Final

from logpipe.emit.file_names import rotated_path

_BATCH_BYTES: Final = 256 << 10
_HEAD: Final = len('{"timestamp":"2026-01-02T03:04:05')


class AppendFile:
    """Appends lines to `path`; rotates it before it passes `max_bytes`, and at each end of a period.

    lost:    called with the lines that could not be written, and why
    rotated: called after a rotation
    """

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int,
        period_s: int | None,
        lost: Callable[[Sequence[bytes], OSError], None],
        rotated: Callable[[], None],
    ) -> None:
        self.path = path
        self._name = str(path)  # what system calls take: a Path would be converted for each record
        self._max_bytes = max_bytes
        self._period_s = period_s
        self._lost = lost
        self._rotated = rotated
        self._lock = threading.RLock()  # a signal handler that logs interrupts its own thread: it must get through
        self._waiting: deque[bytes] = deque()
        self._busy = False
        self._fd: int | None = None
        self._inode = (0, 0)
        self._whole = 0  # up to here the file is known to end in a newline
        self._rotate_at = float("inf")

    def append(self, line: bytes) -> None:
        """Writes the line, or says that it was lost; on return it is one or the other, unless a signal handler called.

        Lines of other threads that wait are written with it. A signal handler that interrupts a write leaves its line
        to that write; where it raises, what is not in the file yet goes there with the next line, or at `close`.
        """
        self._waiting.append(line)
        with self._lock:
            self._write_waiting()

    def sync(self) -> None:
        """Waits until what was written is on the disk."""
        with self._lock:
            if self._fd is not None:
                os.fsync(self._fd)

    def open(self) -> None:
        """Makes the file, so that readers find it before the first record; raises OSError."""
        with self._lock:
            self._unlock(self._locked()[0])

    def close(self) -> None:
        """Writes what still waits and lets go of the file; a later line opens it again."""
        with self._lock:
            self._write_waiting()
            self._close()

    def before_fork(self) -> None:
        """No thread may be in the middle of a write when the process is copied."""
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        """Goes on."""
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Starts afresh: an inherited descriptor would share the parent's lock, and its waiting lines are its own."""
        self._lock = threading.RLock()
        self._waiting.clear()
        self._busy = False
        self._close()

    def _write_waiting(self) -> None:
        while self._waiting and not self._busy:
            self._busy = True
            try:
                self._write(self._next_batch())
            except BaseException:  # of a signal handler: it must not leave the file locked for other processes
                self._close()
                raise
            finally:
                self._busy = False

    def _next_batch(self) -> list[bytes]:
        lines = [self._waiting.popleft()]
        size = len(lines[0])
        while self._waiting and size < _BATCH_BYTES:
            lines.append(self._waiting.popleft())
            size += len(lines[-1])
        return lines

    def _write(self, lines: list[bytes]) -> None:
        data = lines[0] if len(lines) == 1 else b"".join(lines)
        try:
            fd, size = self._locked()
            if self._is_due(size, len(data)) and self._rotate():
                fd, size = self._locked()
        except OSError as error:
            self._close()
            self._lost(lines, error)
            return
        except BaseException:
            self._put_back(lines)
            raise
        try:
            self._put(fd, size, data, lines)
        finally:
            self._unlock(fd)

    def _put(self, fd: int, size: int, data: bytes, lines: list[bytes]) -> None:
        """Appends all data, or as many whole lines as fit."""
        try:
            if size != self._whole and size and os.pread(fd, 1, size - 1) != b"\n":
                size += os.write(fd, b"\n")  # another writer died in the middle of a line
            written = os.write(fd, data)
            while written < len(data):
                written += os.write(fd, data[written:])
            self._whole = size + written
        except OSError as error:
            self._lost(self._cut_to_whole_lines(fd, size, lines), error)
        except BaseException:
            self._put_back(self._cut_to_whole_lines(fd, size, lines))
            raise

    def _cut_to_whole_lines(self, fd: int, size: int, lines: list[bytes]) -> list[bytes]:
        """The lines that are not, whole, in the file, which had `size` bytes before them."""
        try:
            ends = list(accumulate((len(line) for line in lines), initial=size))
            kept = max(0, bisect(ends, os.fstat(fd).st_size) - 1)
            size = ends[kept]
            os.ftruncate(fd, size)
            self._whole = size
        except OSError:
            kept, self._whole = 0, -1  # the next writer looks at the end of the file
        return lines[kept:]

    def _put_back(self, lines: list[bytes]) -> None:
        self._waiting.extendleft(reversed(lines))

    def _locked(self) -> tuple[int, int]:
        """The descriptor of the file that the path names, locked, and the file's size."""
        while True:
            fd = self._fd if self._fd is not None else self._open()
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                status = os.stat(self._name)
                if (status.st_dev, status.st_ino) == self._inode:
                    return fd, status.st_size
            except FileNotFoundError:
                pass  # deleted, or rotated a moment ago
            self._close()

    def _unlock(self, fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_UN)  # not by close alone: a forked child may hold the descriptor too

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            fd = os.open(self.path, flags, 0o644)
        except FileNotFoundError:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self.path, flags, 0o644)
        self._fd = fd
        status = os.fstat(fd)
        self._inode = (status.st_dev, status.st_ino)
        self._whole = -1 if status.st_size else 0
        self._rotate_at = self._end_of_period(_first_time(fd, status))
        return fd

    def _close(self) -> None:
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)

    def _is_due(self, size: int, more: int) -> bool:
        now = time.time()
        if size == 0:
            self._rotate_at = self._end_of_period(now)
            return False
        return size + more > self._max_bytes or now >= self._rotate_at

    def _end_of_period(self, now: float) -> float:
        return (now // self._period_s + 1) * self._period_s if self._period_s else float("inf")

    def _rotate(self) -> bool:
        """Renames the file, whose lock is held; False where that is not possible, and the file goes on growing."""
        try:
            self.path.rename(rotated_path(self.path, time.time()))
        except OSError:
            self._rotate_at = float("inf") if self._period_s is None else time.time() + 60
            return False
        self._close()
        self._rotated()
        return True


def _first_time(fd: int, status: os.stat_result) -> float:
    """When the file's first record was made, in seconds since 1970; the file's own time where it does not say."""
    head = os.pread(fd, _HEAD, 0)
    try:
        return datetime.fromisoformat(head[-19:].decode("ascii") + "+00:00").timestamp()
    except ValueError:
        return status.st_mtime if status.st_size else time.time()

"""One stream's file of one process: for file systems on which processes cannot share one, and where none of our C runs.

The file's name is of this process alone. An exclusive `flock` on it says that the process lives; when somebody else
gets that lock, the file is final. The file is opened once only, for on NFS closing a second descriptor of it ends the
lock, and a forked child lets go of it at once, for it would hold the lock after its parent.
"""

import errno
import fcntl
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from logpipe.emit.file_names import own_path, rotated_path
from logpipe.emit.forks import follow_forks

_FLAGS: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_TRIES: Final = 8


@dataclass(slots=True, eq=False)
class _Entry:
    """A line that is not known to be in the file yet."""

    line: bytes
    begun: int | None = None
    """The size of the file when the line was begun to be written."""


class OwnFile:
    """Appends lines to a file of this process's own beside `path`, made with the first line.

    It is rotated before it passes `max_bytes`, and with the first line after each end of a period.

    lost: called with a line that could not be written, and why
    """

    def __init__(
        self, path: Path, *, max_bytes: int, period_s: int, lost: Callable[[Sequence[bytes], OSError], None]
    ) -> None:
        self._shared_path = path
        self._max_bytes = max_bytes
        self._period_s = period_s
        self._lost = lost
        self._is_synced = False
        self._begin()
        follow_forks(self)

    def _begin(self) -> None:
        self._lock = threading.RLock()  # a signal handler that logs interrupts its own thread: it must get through
        self._waiting: deque[_Entry] = deque()
        self._busy = False
        self._rotated = False
        self._fd: int | None = None
        self._inode = (0, 0)
        self._rotate_at = float("inf")
        self._unsynced: OSError | None = None
        self._rename()

    @property
    def path(self) -> Path:
        """The file that is written, or will be."""
        return self._path

    def append(self, line: bytes) -> bool:
        """Writes the line, or says that it was lost; on return it is one or the other, unless a signal handler called.

        True where the file was rotated before. A signal handler that interrupts a write leaves its line to that write;
        where it raises, what is not in the file yet goes there with the next line, or at `close`.
        """
        self._waiting.append(_Entry(line))
        with self._lock:
            self._write_waiting()
            rotated, self._rotated = self._rotated, False
        return rotated

    def open(self) -> None:
        """Makes the folder; the file waits for its first line. Raises OSError where none could be made."""
        folder = self._shared_path.parent
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))

    def sync(self) -> None:
        """Waits until what was written is on the disk; once asked for, it is so for each file that is left too."""
        with self._lock:
            self._is_synced = True
            error, self._unsynced = self._unsynced, None
            if self._fd is not None:
                os.fdatasync(self._fd)
            if error is not None:
                raise error

    def close(self) -> None:
        """Writes what still waits and lets go of the file, which is final then; a later line makes another."""
        with self._lock:
            self._write_waiting()
            if not self._busy:  # as a signal handler finds it: what it interrupted goes on with the descriptor
                self._abandon()

    def before_fork(self) -> None:
        """No thread may be in the middle of a write when the process is copied."""
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        """Goes on."""
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Starts afresh, in a file of its own: what waits is the parent's, and so is the lock."""
        self._close()
        self._begin()

    def _write_waiting(self) -> None:
        while self._waiting and not self._busy:
            self._busy = True
            try:
                self._write(self._waiting[0])
            finally:
                self._busy = False

    def _write(self, entry: _Entry) -> None:
        """Gets the first of the lines that wait into the file, and only then out of those that wait.

        A signal handler may raise anywhere: who comes next sees by the size of the file how far it got.
        """
        try:
            if not self._is_in(entry):
                self._put(entry)
        except OSError as error:
            self._take_back(entry)
            self._lost((self._waiting.popleft().line,), error)
        else:
            self._waiting.popleft()

    def _put(self, entry: _Entry) -> None:
        try:
            self._put_once(entry)
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
            self._abandon()  # removed by another machine of a network file system
            self._put_once(entry)

    def _put_once(self, entry: _Entry) -> None:
        fd, size = self._current(len(entry.line))
        entry.begun = size
        written = os.write(fd, entry.line)
        while written < len(entry.line):
            written += os.write(fd, entry.line[written:])

    def _is_in(self, entry: _Entry) -> bool:
        """Whether an interrupted write got the line into the file; a part of it is taken out again."""
        begun, fd = entry.begun, self._fd
        if begun is None or fd is None:
            return False
        size = os.fstat(fd).st_size
        if size == begun + len(entry.line):
            return True
        if size > begun:
            os.ftruncate(fd, begun)
        entry.begun = None
        return False

    def _take_back(self, entry: _Entry) -> None:
        """Of a line that is lost nothing stays in the file; where that cannot be had, nothing follows it there."""
        try:
            self._is_in(entry)
        except OSError:
            self._abandon()

    def _current(self, more: int) -> tuple[int, int]:
        """The descriptor of the file that the path names, with room for so many bytes more, and its size."""
        if self._fd is None:
            return self._open(), 0
        try:
            status = os.stat(self._name)
        except FileNotFoundError:
            status = None
        if status is None or (status.st_dev, status.st_ino) != self._inode:
            self._abandon()  # deleted or moved by others
            return self._open(), 0
        if self._is_due(status.st_size, more) and self._rotate():
            return self._open(), 0
        return self._fd, status.st_size

    def _open(self) -> int:
        for _ in range(_TRIES):
            try:
                fd = self._make()
            except FileExistsError:
                self._rename()
                continue
            if self._hold(fd):
                return fd
            self._abandon()
        raise OSError(errno.EAGAIN, "cannot make a file that stays", self._name)

    def _make(self) -> int:
        try:
            return os.open(self._name, _FLAGS, 0o644)
        except FileNotFoundError:
            self._shared_path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self._name, _FLAGS, 0o644)

    def _hold(self, fd: int) -> bool:
        """Locks a new file; False where somebody took it for a dead process's before that."""
        self._fd = fd
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            pass  # a file system without locks: nobody else gets one either
        status = os.fstat(fd)
        self._inode = (status.st_dev, status.st_ino)
        self._rotate_at = self._end_of_period()
        try:
            return os.path.samestat(status, os.stat(self._name))
        except FileNotFoundError:
            return False

    def _rename(self) -> None:
        self._path = own_path(self._shared_path)
        self._name = str(self._path)  # what system calls take: a Path would be converted for each record

    def _abandon(self) -> None:
        """Goes on in another file, under another name."""
        self._settle()
        self._close()
        self._rename()

    def _close(self) -> None:
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)

    def _is_due(self, size: int, more: int) -> bool:
        return size > 0 and (size + more > self._max_bytes or time.time() >= self._rotate_at)

    def _end_of_period(self) -> float:
        return (time.time() // self._period_s + 1) * self._period_s if self._period_s else float("inf")

    def _rotate(self) -> bool:
        """Gives the file a final name; False where that is not possible, and the file goes on growing."""
        self._rotated = True
        try:
            self._path.rename(rotated_path(self._path, time.time()))
        except OSError:
            self._rotate_at = float("inf") if not self._period_s else time.time() + 60
            return False
        self._settle()
        self._close()
        return True

    def _settle(self) -> None:
        """Another thread's line may be in the file, whose `sync` finds the next file only: that tells of an error."""
        if self._is_synced and self._fd is not None:
            try:
                os.fdatasync(self._fd)
            except OSError as error:
                self._unsynced = error

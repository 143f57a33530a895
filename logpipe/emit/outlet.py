"""Lines on standard output or error, which may be a pipe that nobody reads: the service goes on all the same.

`O_NONBLOCK` would be the descriptor's for all who share it, so each write asks instead: `poll` first, then a write that
may not wait. Where the system has none for this kind of descriptor (a pipe before Linux 6.4), a write of at most
PIPE_BUF bytes is as good, as long as no other process writes the same pipe in between.
"""

import errno
import io
import os
import select
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Literal, TextIO

_WAIT_MS: Final = 1000
_WAIT_AGAIN_S: Final = 10.0
_TELL_EVERY_S: Final = 1.0
_TRIES: Final = 16
_NO_SUCH_WRITE: Final = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ESPIPE)


class Outlet:
    """Shows lines whole or not at all, in order; never raises, and waits for a reader at most a second in ten.

    A stream that the application put in place of the standard one is written as any other, and waited for.

    tell: called with how many lines were not shown, when one is shown again, and by `finish`
    """

    def __init__(self, name: Literal["stdout", "stderr"], tell: Callable[[int], None]) -> None:
        self._name = name
        self._tell = tell
        self.after_fork_in_child()

    def after_fork_in_child(self) -> None:
        """Starts afresh: what waits is the parent's, and so is the lock."""
        self._lock = threading.RLock()  # a signal handler that logs interrupts its own thread: it must get through
        self._waiting: deque[bytes] = deque()
        self._begun = 0  # bytes of the first line that waits which are written
        self._busy = False
        self._unshown = 0
        self._tell_at = 0.0
        self.is_read = True
        """Whether the last line was shown."""
        self._follow(None)

    def write(self, line: bytes | str) -> None:
        """Shows the line, which ends in a newline, or counts it.

        A signal handler that interrupts a write leaves its line to that write; where it raises, what is not shown yet
        comes before the next line, and at worst is shown twice.
        """
        stream: TextIO | None = getattr(sys, self._name)
        if stream is not self._stream:
            with self._lock:
                if not self._busy:
                    self._follow(stream)
        if stream is None or self._fd is None:
            _hand_over(stream, line)
            return
        self._waiting.append(line if isinstance(line, bytes) else line.encode(stream.encoding, "backslashreplace"))
        with self._lock:
            self._write_waiting()
        if self._unshown and self.is_read and time.monotonic() >= self._tell_at:
            self._tell_unshown()

    def finish(self) -> None:
        """Shows the rest of a line that was begun, if somebody reads by now, and tells how many were not shown."""
        with self._lock:
            if not (self.is_read or self._busy) and self._poll(0):
                self.is_read, self._wait_ms = True, _WAIT_MS
            self._write_waiting()
        if self._unshown:
            self._tell_unshown()

    def _follow(self, stream: TextIO | None) -> None:
        """Goes over to the stream; what waits for the one before is not shown any more."""
        self._drop_from(0)
        self._begun = 0
        self._stream = stream
        self._fd = _descriptor(stream)
        poll = select.poll()
        if self._fd is not None:
            poll.register(self._fd, select.POLLOUT)
        self._poll = poll.poll
        self.is_read = True
        self._wait_ms, self._wait_again_at = _WAIT_MS, 0.0
        self._has_no_wait = hasattr(os, "RWF_NOWAIT")

    def _write_waiting(self) -> None:
        waiting = self._waiting
        while waiting and not self._busy:
            self._busy = True
            try:
                self.is_read = self._write(waiting[0])
                if not self.is_read:
                    return self._give_up()
                waiting.popleft()
                self._begun = 0
            finally:
                self._busy = False
        return None

    def _write(self, line: bytes) -> bool:
        try:
            shown = self._put(line)
        except ValueError:  # the application closed its stream: it wants no console
            return True
        except OSError:
            return False
        if shown and not self._wait_ms and time.monotonic() >= self._wait_again_at:
            self._wait_ms = _WAIT_MS
        return shown

    def _put(self, line: bytes) -> bool:
        """Writes what is missing of the line; False where nobody reads, and some is missing still."""
        stream, fd, fruitless = self._stream, self._fd, 0
        if stream is None or fd is None:
            raise ValueError("forked in the middle of a line")
        while self._begun < len(line):
            if fruitless == _TRIES or not (self._poll(0) or self._poll(self._wait_ms)):
                return False
            if not self._begun:
                _flush(stream)
            elif stream.closed:
                raise ValueError("closed in the middle of a line")
            written = self._write_some(fd, line[self._begun :] if self._begun else line)
            self._begun += written
            fruitless = 0 if written else fruitless + 1  # somebody else was faster
        return True

    def _write_some(self, fd: int, data: bytes) -> int:
        if self._has_no_wait:
            try:
                return os.pwritev(fd, (data,), -1, os.RWF_NOWAIT)
            except BlockingIOError:
                return os.write(fd, data) if _is_regular(fd) else 0
            except OSError as error:
                if error.errno not in _NO_SUCH_WRITE:
                    raise
                self._has_no_wait = False
        if len(data) > select.PIPE_BUF and not _is_regular(fd):
            data = data[: select.PIPE_BUF]
        return os.write(fd, data) if self._poll(0) else 0  # once more: the prints may have filled it

    def _give_up(self) -> None:
        if self._wait_ms:
            self._wait_ms = 0
            self._wait_again_at = time.monotonic() + _WAIT_AGAIN_S
        self._drop_from(1 if self._begun else 0)

    def _drop_from(self, first: int) -> None:
        """Drops the lines that wait, from the first that is not begun; the rest of that would not be seen as one."""
        while len(self._waiting) > first:
            self._waiting.pop()
            self._unshown += 1

    def _tell_unshown(self) -> None:
        with self._lock:
            count, self._unshown = self._unshown, 0
            self._tell_at = time.monotonic() + _TELL_EVERY_S
        if count:
            self._tell(count)


def _descriptor(stream: TextIO | None) -> int | None:
    """The stream's, where its bytes go there as they are, and are not held, changed or shown otherwise on the way."""
    if type(stream) is not io.TextIOWrapper:
        return None
    try:
        raw = stream.buffer.raw if type(stream.buffer) is io.BufferedWriter else stream.buffer
        return raw.fileno() if type(raw) is io.FileIO else None
    except ValueError:  # closed, or taken apart
        return None


def _flush(stream: TextIO) -> None:
    """What the application printed before comes before; ValueError where it closed the stream."""
    try:  # noqa: SIM105 - `suppress` takes four times as long as the flush
        stream.flush()
    except RuntimeError:  # a signal handler in the middle of a print
        pass


def _is_regular(fd: int) -> bool:
    return stat.S_ISREG(os.fstat(fd).st_mode)


def _hand_over(stream: TextIO | None, line: bytes | str) -> None:
    with suppress(Exception):  # closed, or of an odd encoding; the record is in its file
        if stream is not None:
            stream.write(line if isinstance(line, str) else line.decode())
            stream.flush()

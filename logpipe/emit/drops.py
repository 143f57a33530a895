"""Records that could not be written: counted, said on standard error, and logged once there is room."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from logpipe.emit.values import text

_EVERY_S: Final = 1.0


class Drops:
    """Counts what was dropped, by stream, until a record that says so was written.

    say: shows people a line, and neither raises nor waits long
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._lock = threading.RLock()
        self._begin()

    def _begin(self) -> None:
        self._counts: Counter[str] = Counter()
        self._numbers = 0
        self._reason = ""
        self._report: tuple[bytes, Counter[str], int] | None = None
        self._noticed = 0
        self._notice_at = self._report_at = 0.0

    @property
    def waiting(self) -> bool:
        """Whether there are drops that no record tells of."""
        return bool(self._counts)

    def count(self, stream: str, lines: Sequence[bytes], error: BaseException) -> None:
        """Counts lines of a stream as dropped; a report among them counts as the drops that it tells of.

        A record that never became a line, and so has no number, is an empty one.
        """
        with self._lock:
            for line in lines:
                self._numbers += bool(line)
                if self._report is not None and line is self._report[0]:
                    self._counts.update(self._report[1])
                    self._numbers += self._report[2]
                    self._report = None
                else:
                    self._counts[stream] += 1
                    self._noticed += 1
            self._reason = words_of(error)

    def take(self, *, now: bool) -> tuple[Counter[str], str, int] | None:
        """The counts, the last reason and how many numbers (`seq`) are missing; at most once a second unless `now`.

        The caller then reports them. Numbers of reports that could not be written are among those of the next.
        """
        with self._lock:
            if not self._counts or not (now or time.monotonic() >= self._report_at):
                return None
            self._report_at = time.monotonic() + _EVERY_S
            counts, self._counts = self._counts, Counter()
            numbers, self._numbers = self._numbers, 0
            return counts, self._reason, numbers

    def reporting(self, line: bytes, counts: Counter[str], numbers: int) -> None:
        """Tells that `line`, which says that `counts` were dropped with their `numbers`, is about to be written."""
        with self._lock:
            self._report = (line, counts, numbers)

    def untold(self, counts: Counter[str], numbers: int) -> None:
        """Takes counts back of which no record could be made."""
        with self._lock:
            self._counts.update(counts)
            self._numbers += numbers

    def notice(self) -> None:
        """Says on standard error how many were dropped since the last notice, at most once a second."""
        with self._lock:
            if not self._noticed or time.monotonic() < self._notice_at:
                return
            self._notice_at = time.monotonic() + _EVERY_S
            dropped, self._noticed = self._noticed, 0
        self._say(f"logpipe: {dropped} records dropped: {self._reason}\n")

    def warn(self, error: OSError) -> None:
        """Says on standard error what will cost records."""
        self._say(f"logpipe: cannot write the logs: {words_of(error)}\n")

    def after_fork_in_child(self) -> None:
        """The parent reports its own drops."""
        self._lock = threading.RLock()
        self._begin()


def words_of(error: BaseException) -> str:
    """What an error says, in one line."""
    if type(error).__module__ == "builtins" and isinstance(error, OSError) and type(error.strerror) is str:
        said = error.strerror.lower()
        return f"{said}: {text(error.filename)}" if error.filename is not None else said
    return text(error)  # the application's: what it runs to be put into words may raise anything

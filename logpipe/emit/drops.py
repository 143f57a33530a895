"""Records that could not be written: counted, said on standard error, and logged once there is room."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

_EVERY_S: Final = 1.0


class Drops:
    """Counts what was dropped, by stream, until a record that says so was written."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._begin()

    def _begin(self) -> None:
        self._counts: Counter[str] = Counter()
        self._reason = ""
        self._report: tuple[bytes, Counter[str]] | None = None
        self._noticed = 0
        self._notice_at = self._report_at = 0.0

    @property
    def waiting(self) -> bool:
        """Whether there are drops that no record tells of."""
        return bool(self._counts)

    def count(self, stream: str, lines: Sequence[bytes], error: BaseException) -> None:
        """Counts lines of a stream as dropped; a report among them counts as the drops that it tells of."""
        with self._lock:
            for line in lines:
                if self._report is not None and line is self._report[0]:
                    self._counts.update(self._report[1])
                    self._report = None
                else:
                    self._counts[stream] += 1
                    self._noticed += 1
            self._reason = _words(error)

    def take(self, *, now: bool) -> tuple[Counter[str], str] | None:
        """The counts and the last reason, which the caller then reports; at most once a second unless `now`."""
        with self._lock:
            if not self._counts or not (now or time.monotonic() >= self._report_at):
                return None
            self._report_at = time.monotonic() + _EVERY_S
            counts, self._counts = self._counts, Counter()
            return counts, self._reason

    def reporting(self, line: bytes, counts: Counter[str]) -> None:
        """Tells that `line`, which says that `counts` were dropped, is about to be written."""
        with self._lock:
            self._report = (line, counts)

    def notice(self) -> None:
        """Says on standard error how many were dropped since the last notice, at most once a second."""
        with self._lock:
            if not self._noticed or time.monotonic() < self._notice_at:
                return
            self._notice_at = time.monotonic() + _EVERY_S
            dropped, self._noticed = self._noticed, 0
        _say(f"{dropped} records dropped: {self._reason}")

    def warn(self, error: OSError) -> None:
        """Says on standard error what will cost records."""
        _say(f"cannot write the logs: {_words(error)}")

    def after_fork_in_child(self) -> None:
        """The parent reports its own drops."""
        self._lock = threading.RLock()
        self._begin()


def _say(words: str) -> None:
    with suppress(Exception):  # standard error may be closed or replaced; there is nobody left to tell
        sys.stderr.write(f"logpipe: {words}\n")


def _words(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror.lower()}: {error.filename}" if error.filename else error.strerror.lower()
    return f"{type(error).__name__}: {error}"

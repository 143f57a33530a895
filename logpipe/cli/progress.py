"""The progress bar of an ingest: on standard error, only on a terminal, only when it takes a while."""

import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from logpipe.ingest.options import Summary

_AFTER_S = 0.5


class Bar:
    """Bytes, lines a second, time left and rejects of an ingest. Compressed files count by their compressed size."""

    def __init__(self, paths: Sequence[str], *, quiet: bool) -> None:
        self._wanted = sys.stderr.isatty() and not quiet
        self._total = sum(_size(path) for path in paths) if self._wanted else 0
        self._started = time.monotonic()
        self._drawn = False

    def show(self, summary: "Summary") -> None:
        elapsed = time.monotonic() - self._started
        if not self._wanted or elapsed < _AFTER_S:
            return
        share = min(1.0, summary.bytes / self._total) if self._total else 0.0
        left = f"{elapsed / share - elapsed:,.0f} s left" if 0 < share < 1 else ""
        filled = int(share * 30)
        sys.stderr.write(
            f"\r\x1b[K{'━' * filled}{'╌' * (30 - filled)} {summary.bytes / 1e6:,.0f} MB  "
            f"{summary.lines / elapsed:,.0f} lines/s  {left}  {summary.rejects:,} rejected"
        )
        sys.stderr.flush()
        self._drawn = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _size(path: str) -> int:
    """Bytes below a path, as far as they can be seen; an estimate is enough for a bar."""
    try:
        if os.path.isdir(path):
            return sum(_size(entry.path) for entry in os.scandir(path) if not entry.is_symlink())
        return os.path.getsize(path)
    except OSError:
        return 0

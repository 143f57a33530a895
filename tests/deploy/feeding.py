"""Log files that grow: the lines of files that were written before, in their time, only faster."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_CLOCK: Final = re.compile(rb"\d\d(?:\d\d-\d\d-\d\d|/[A-Z][a-z]{2}/\d{4})[T :](\d\d):(\d\d):(\d\d)")
_HEAD_BYTES: Final = 120
"""Of a line, in which its time stands."""


class Feed:
    """The files below a folder of one day, written anew into another folder up to a second of the day."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.second = 0.0
        """All that was logged before it is written."""
        self.bytes = 0
        """So much is written."""
        paths = [path for path in sorted(source.rglob("*")) if path.suffix in (".jsonl", ".log")]
        self._lines = {folder / path.relative_to(source): _timed(path) for path in paths}
        self._written = dict.fromkeys(self._lines, 0)

    def until(self, second: float) -> None:
        """Append what was logged before then."""
        for path, lines in self._lines.items():
            begin = end = self._written[path]
            while end < len(lines) and lines[end][0] < second:
                end += 1
            if end > begin:
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("ab") as file:
                    self.bytes += file.write(b"".join(line for _, line in lines[begin:end]))
                self._written[path] = end
        self.second = max(self.second, second)


@contextmanager
def flowing(feed: Feed, pace: float, step_s: float, end: float) -> Iterator[None]:
    """While the block runs, append so many seconds of the day in each second, up to its second `end`.

    A step lies between two appendings, of which each becomes a commit of each file.
    """
    stop = threading.Event()
    failed: list[BaseException] = []

    def work() -> None:
        first, begun = feed.second, time.monotonic()
        try:
            while not stop.wait(step_s) and feed.second < end:
                feed.until(min(end, first + pace * (time.monotonic() - begun)))
        except BaseException as error:  # noqa: BLE001 - raised where the block ends
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    for error in failed:
        raise error


def _timed(path: Path) -> list[tuple[int, bytes]]:
    """Each line with its second of the day; one that names no time belongs to the line before it."""
    second, lines = 0, []
    for line in path.read_bytes().splitlines(keepends=True):
        found = _CLOCK.search(line, 0, _HEAD_BYTES)
        if found is not None:
            second = int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3])
        lines.append((second, line))
    assert not lines or second, f"{path}: no line names its time"
    return lines

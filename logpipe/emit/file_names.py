"""The names of a service's files: of those that are written, and of those that are final.

`app.jsonl` is written by all processes of a service, `app.p4711-qzkfwm.jsonl` by one of them alone. Both are rotated to
a name with the time and the process, `app.20260102T030405.000000Z-4711.jsonl` and
`app.p4711-qzkfwm.20260102T030405.000000Z-4711.jsonl`, and that is final but for the suffix of its compression.
`logpipe ingest` takes a name without its time and suffix for the name of the log.
"""

import os
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from logpipe.record import EMITTED_STREAMS

SUFFIXES: Final = {"gzip": ".gz", "zstd": ".zst"}
"""Of compressed files, by the setting `compress`."""

_WRITER: Final = r"p\d+-[a-z]{6}"
_STREAM: Final = "|".join(EMITTED_STREAMS)
_SUFFIX: Final = "|".join(map(re.escape, SUFFIXES.values()))
_OWN: Final = re.compile(rf"(?:{_STREAM})\.{_WRITER}\.jsonl")
_ROTATED: Final = re.compile(rf"((?:{_STREAM})(?:\.{_WRITER})?)\.(\d{{8}}T\d{{6}}\.\d{{6}})Z-\d+\.jsonl({_SUFFIX})?")


@dataclass(frozen=True, slots=True)
class Rotated:
    """A file that nobody writes to any more."""

    path: Path
    log: str
    """What it was rotated from: the stream, and the writer where that wrote alone."""
    at: float
    compressed: bool


def own_path(path: Path) -> Path:
    """A name for the file that this process alone writes, in place of `path`; another one each time."""
    letters = "".join(chr(ord("a") + byte % 26) for byte in os.urandom(6))  # digits would seem to be a rotation
    return path.with_name(f"{path.stem}.p{os.getpid()}-{letters}{path.suffix}")


def is_own(path: Path) -> bool:
    """Whether some process writes, or wrote, the file alone."""
    return _OWN.fullmatch(path.name) is not None


def rotated_path(path: Path, moment: float) -> Path:
    """A free name for a file that is final from a moment on, in seconds since 1970."""
    moment_us = round(moment * 1_000_000)
    while True:
        seconds, microseconds = divmod(moment_us, 1_000_000)
        second = time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds))
        target = path.with_name(f"{path.stem}.{second}.{microseconds:06d}Z-{os.getpid()}{path.suffix}")
        if not any(os.path.lexists(f"{target}{suffix}") for suffix in ("", *SUFFIXES.values())):
            return target
        moment_us += 1


def parse_rotated(path: Path) -> Rotated | None:
    """The rotated file of this name; None for any other."""
    match = _ROTATED.fullmatch(path.name)
    if not match:
        return None
    try:
        at = datetime.strptime(match[2], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
    return Rotated(path, match[1], at, match[3] is not None)

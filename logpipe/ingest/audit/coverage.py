"""Of what time a service's four files were read whole: what is not there of another time need not be lost.

The numbers (`seq`) of one process are spread over the files of four streams. One that is in none of the rows may stand
in a file that was not read yet or not at all, or may have been removed: by retention in the store, or by the emitter
before anything was read.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from logpipe.record import EMITTED_STREAMS
from logpipe.store import Store

ALWAYS: Final = datetime(1, 1, 2, tzinfo=UTC)
NEVER: Final = datetime(9999, 12, 30, tzinfo=UTC)

_FILE: Final = re.compile(rf"({'|'.join(EMITTED_STREAMS)})\.(.+\.)?jsonl(\.gz|\.zst)?")
_SHORTEST_RETENTION: Final = timedelta(days=1)
"""The emitter keeps at least one rotated file of a stream, and each for at least a day."""
_SAME_SWEEP: Final = timedelta(minutes=1)

_SOURCES: Final = """
SELECT source_id, path, family, device, inode, size, state = 'gone', compression IS NOT NULL, first_seen_at,
    greatest(coalesce(position, 0), copied_bytes)::BIGINT, oldest, newest, expired_until,
    (coalesce(rejects, 0) + coalesce(expired_rejects, 0))::BIGINT
FROM sources
LEFT JOIN (SELECT source_id, max(to_pos) AS position FROM ledger GROUP BY source_id) USING (source_id)
LEFT JOIN (
    SELECT source_id, min(ts) AS oldest, max(ts) AS newest FROM events WHERE isfinite(ts) GROUP BY source_id
) USING (source_id)
LEFT JOIN (
    SELECT source_id, max(minute) FILTER (isfinite(minute)) + INTERVAL 1 MINUTE AS expired_until,
        sum(rejects) AS expired_rejects
    FROM expired GROUP BY source_id
) USING (source_id)
LEFT JOIN (SELECT source_id, count(*) AS rejects FROM rejects GROUP BY source_id) USING (source_id)
ORDER BY source_id
"""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why numbers from before `since`, or from `until` on, may be elsewhere."""

    words: str
    since: datetime = ALWAYS
    until: datetime = NEVER

    def concerns(self, first_at: datetime, last_at: datetime) -> bool:
        """Whether it touches this time."""
        return first_at <= self.since or last_at >= self.until


@dataclass(frozen=True, slots=True)
class Coverage:
    """What is known of the files to which some processes wrote."""

    doubts: tuple[Doubt, ...] = ()
    rejects: int = 0
    """Lines of them that are no events: each may be a record that is missed."""

    @property
    def since(self) -> datetime:
        """From then on, up to `until`, all that was written was read, and is still there."""
        return max((doubt.since for doubt in self.doubts), default=ALWAYS)

    @property
    def until(self) -> datetime:
        return min((doubt.until for doubt in self.doubts), default=NEVER)

    def words(self, first_at: datetime, last_at: datetime) -> tuple[str, ...]:
        """Why numbers of a process of this time may be elsewhere."""
        return tuple(doubt.words for doubt in self.doubts if doubt.concerns(first_at, last_at))

    def __or__(self, other: "Coverage") -> "Coverage":
        return Coverage(self.doubts + other.doubts, self.rejects + other.rejects)


ELSEWHERE: Final = Coverage((Doubt("no file of setup_logging holds any of its records", since=NEVER),))
"""Of a formatter's lines, say: what it numbered may have gone to several handlers."""


@dataclass(frozen=True, slots=True)
class _Source:
    source_id: int
    path: str
    family: str
    device: int | None
    inode: int | None
    size: int
    gone: bool
    compressed: bool
    first_seen_at: datetime
    position: int
    oldest: datetime | None
    newest: datetime | None
    expired_until: datetime | None
    rejects: int

    @property
    def stream(self) -> str:
        return os.path.basename(self.family).partition(".")[0]


def coverage_by_source(store: Store) -> dict[int, Coverage]:
    """For each source that is a file of `setup_logging` what is known of its folder; to be asked in one transaction.

    Raises:
        StoreError: the store refused.
    """
    folders: dict[str, list[_Source]] = {}
    for row in store.execute(_SOURCES):
        source = _Source(*row)
        if _FILE.fullmatch(os.path.basename(source.family)):
            folders.setdefault(os.path.dirname(source.family), []).append(source)
    found = {folder: _coverage(folder, sources) for folder, sources in folders.items()}
    return {source.source_id: found[folder] for folder, sources in folders.items() for source in sources}


def _coverage(folder: str, sources: list[_Source]) -> Coverage:
    files = _files_in(folder)
    doubts = [*_expired(sources), *_unread(sources, files)]
    seen_at = min(source.first_seen_at for source in sources)
    for stream in EMITTED_STREAMS:
        of_stream = [source for source in sources if source.stream == stream]
        if of_stream:
            doubts += _deleted_before(stream, of_stream)
        elif files is None:
            doubts.append(Doubt(f"nothing of the stream {stream} was ingested", since=NEVER))
        elif not any(file.stream == stream for file in files):
            doubts.append(Doubt(f"older files of {stream} may have been deleted", since=seen_at - _SHORTEST_RETENTION))
    return Coverage(tuple(doubts), sum(source.rejects for source in sources))


def _expired(sources: list[_Source]) -> Iterator[Doubt]:
    until = max((source.expired_until for source in sources if source.expired_until), default=None)
    if until is not None:
        yield Doubt("retention has removed events", since=until)


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    stream: str
    identity: tuple[int, int]
    size: int


def _files_in(folder: str) -> list[_File] | None:
    """The emitter's files that hold something; None where the folder cannot be seen from here."""
    try:
        entries = [(entry, match) for entry in os.scandir(folder) if (match := _FILE.fullmatch(entry.name))]
        files = [(entry, match, entry.stat()) for entry, match in entries]
    except OSError:
        return None
    return [
        _File(e.path, m[1], (status.st_dev, status.st_ino), status.st_size) for e, m, status in files if status.st_size
    ]


def _unread(sources: list[_Source], files: list[_File] | None) -> Iterator[Doubt]:
    known = {(source.device, source.inode): source for source in sources if not source.gone}
    seen = {file.identity for file in files or ()}
    for file in files or ():
        source = known.get(file.identity)
        if source is None:
            yield Doubt(f"{file.path} was not ingested, or not since it was compressed", since=NEVER)
        elif not source.compressed and file.size > source.position:
            yield _read_up_to(file.path, source)
    for source in sources:
        if (source.device, source.inode) not in seen and not source.compressed and source.size > source.position:
            yield _read_up_to(source.path, source)


def _read_up_to(path: str, source: _Source) -> Doubt:
    return Doubt(f"{path} was not read to its end", until=source.newest or ALWAYS)


def _deleted_before(stream: str, sources: list[_Source]) -> Iterator[Doubt]:
    """Whether the emitter may have deleted files of a stream before the first of them was read.

    Not if there was only one then, which so was never rotated, unless by age.
    """
    first = min(sources, key=lambda source: source.first_seen_at)
    together = [source for source in sources if source.first_seen_at <= first.first_seen_at + _SAME_SWEEP]
    oldest = min((source.oldest for source in sources if source.oldest), default=NEVER)
    if len(together) == 1 and not first.compressed:
        oldest = min(oldest, first.first_seen_at - _SHORTEST_RETENTION)
    yield Doubt(f"older files of {stream} may have been deleted", since=oldest)

"""The proof that nothing is missing: ledger, rows and files say the same."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from logpipe.errors import InputError
from logpipe.ingest.files.discovery import family_of
from logpipe.ingest.files.fingerprint import Segment
from logpipe.ingest.files.reader import Reader, compression_of
from logpipe.ingest.scanning.lines import NEWLINE
from logpipe.store import Store, rollup

_PIECE = 16 << 20


@dataclass(frozen=True, slots=True)
class Problem:
    """A disagreement between the ledger, the rows, the roll-ups and the file of a source."""

    source_id: int | None
    """None, as the path, where it concerns all sources."""
    path: str | None
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was checked, and what did not agree."""

    sources: int
    files_read: int
    bytes_read: int
    lines: int
    events: int
    joined: int
    blanks: int
    divided: int
    """Records beyond the first of their line: `lines + divided = events + joined + blanks + rejects`."""
    rejects: int
    expired_events: int
    """Of the events, those that retention has removed since."""
    expired_rejects: int
    lost_bytes: int
    problems: tuple[Problem, ...]


def verify(store: Store) -> Verdict:
    """Check every source: the ledger has no hole, its counts equal the rows, and the file still holds the same bytes.

    Files are read again where they, or what they were rotated to, still exist; a source whose bytes are nowhere any
    more is checked by ledger and rows alone.
    """
    problems: list[Problem] = []
    files_read = bytes_read = 0
    sources = store.execute("SELECT source_id, path, state, device, inode, head FROM sources ORDER BY source_id")
    owners = {(device, inode): source_id for source_id, _, state, device, inode, _ in sources if state != "gone"}
    for source_id, path, state, device, inode, head in sources:
        problems += _check_ledger(store, source_id, path)
        problems += _check_rows(store, source_id, path)
        is_own = _owner_check(owners, source_id)
        file = None if state == "gone" else file_of(path, (device, inode), head, is_own)
        if file is not None:
            files_read += 1
            found, size = check_file(store, source_id, file)
            problems += found
            bytes_read += size
    [totals] = store.execute(
        "SELECT coalesce(sum(lines), 0)::BIGINT, coalesce(sum(events), 0)::BIGINT, coalesce(sum(joined), 0)::BIGINT, "
        "coalesce(sum(blanks), 0)::BIGINT, coalesce(sum(divided), 0)::BIGINT, "
        "coalesce(sum(rejects), 0)::BIGINT FROM ledger"
    )
    [(lost,)] = store.execute(
        "SELECT coalesce(sum(to_pos - from_pos), 0)::BIGINT FROM gaps WHERE reason NOT LIKE 'copy_of_source_%'"
    )
    [expired] = store.execute("SELECT coalesce(sum(events), 0)::BIGINT, coalesce(sum(rejects), 0)::BIGINT FROM expired")
    problems += _check_rollups(store)
    lines, events, joined, blanks, divided, rejects = totals
    return Verdict(
        sources=len(sources),
        files_read=files_read,
        bytes_read=bytes_read,
        lines=lines,
        events=events,
        joined=joined,
        blanks=blanks,
        divided=divided,
        rejects=rejects,
        expired_events=expired[0],
        expired_rejects=expired[1],
        lost_bytes=lost,
        problems=tuple(problems),
    )


Identity = tuple[int | None, int | None]
"""Device and inode."""


def _owner_check(owners: Mapping[Identity, int], source_id: int) -> Callable[[Identity], bool]:
    """Whether a file may be the source's: it is not that of a later one, which got its inode and begins alike."""
    return lambda identity: owners.get(identity, source_id) == source_id


def file_of(
    path: str, identity: Identity, head: bytes, is_own: Callable[[Identity], bool] = lambda _: True
) -> str | None:
    """Where the source's bytes stand now: at its path, or, if another file has that name, where it was rotated to."""
    if is_own(_identity(path)) and (_begins_with(path, head) or _identity(path) == identity):
        return path  # perhaps with other bytes
    folder, family = os.path.dirname(path), family_of(path)
    siblings = (os.path.join(folder, name) for name in sorted(os.listdir(folder))) if os.path.isdir(folder) else ()
    family_files = (file for file in siblings if family_of(file) == family and is_own(_identity(file)))
    return next((file for file in family_files if _begins_with(file, head)), None)


def _identity(path: str) -> Identity:
    try:
        status = os.stat(path)
    except OSError:
        return None, None
    return status.st_dev, status.st_ino


def _begins_with(path: str, head: bytes) -> bool:
    try:
        with Reader(path, compression_of(path)) as reader:
            return reader.peek().startswith(head)
    except InputError:
        return os.path.exists(path) and not os.path.isdir(path)  # it is there, and the check will say what is wrong


def _check_ledger(store: Store, source_id: int, path: str) -> Iterator[Problem]:
    [(expected,)] = store.execute(
        "SELECT coalesce(max(to_pos), 0) FROM gaps WHERE source_id = ? AND reason LIKE 'copy_of_source_%'", [source_id]
    )
    for start, end, lines, parts in store.execute(
        "SELECT from_pos, to_pos, lines + divided, events + joined + blanks + rejects FROM ledger "
        "WHERE source_id = ? ORDER BY from_pos, ledger_id",
        [source_id],
    ):
        if start != expected:
            yield Problem(source_id, path, "ledger_hole", f"expected an entry from byte {expected}, found {start}")
        if lines != parts:
            yield Problem(source_id, path, "unaccounted_lines", f"bytes {start} to {end}: {lines} read, {parts} kept")
        expected = end


def _check_rows(store: Store, source_id: int, path: str) -> Iterator[Problem]:
    for table, column in (("events", "events"), ("rejects", "rejects")):
        [(rows, places)] = store.execute(
            f"SELECT count(*), count(DISTINCT source_pos) FROM {table} WHERE source_id = ?", [source_id]
        )
        [(entered,)] = store.execute(
            f"SELECT coalesce(sum({column}), 0)::BIGINT FROM ledger WHERE source_id = ?", [source_id]
        )
        [(expired,)] = store.execute(
            f"SELECT coalesce(sum({column}), 0)::BIGINT FROM expired WHERE source_id = ?", [source_id]
        )
        if rows + expired != entered:
            detail = f"the ledger has {entered}, the table {rows}" + (f", and {expired} expired" if expired else "")
            yield Problem(source_id, path, f"missing_{table}", detail)
        if rows != places:
            yield Problem(source_id, path, f"repeated_{table}", f"{rows - places} rows stand twice at one position")


_WRONG_MINUTES = f"""
SELECT count(*), min(minute)::VARCHAR
FROM (
    SELECT minute
    FROM (
        SELECT minute, events::BIGINT AS events FROM rollup_minute
        UNION ALL SELECT {rollup.MINUTE}, -count(*) FROM events GROUP BY ALL
        UNION ALL SELECT minute, -events::BIGINT FROM expired WHERE minute IS NOT NULL
    )
    GROUP BY minute HAVING sum(events) <> 0
)
"""


def _check_rollups(store: Store) -> Iterator[Problem]:
    """The roll-ups count, minute by minute, the events that are there and those that retention removed."""
    [(minutes, first)] = store.execute(_WRONG_MINUTES)
    if minutes:
        yield Problem(None, None, "rollups_differ", f"in {minutes} minutes from {first}; logpipe rollup rebuild")


def check_file(store: Store, source_id: int, path: str) -> tuple[list[Problem], int]:
    """Read what the ledger says was read, and compare hashes and the beginnings of lines."""
    size = 0
    segments = store.execute(
        "SELECT hash_from, min(from_pos), max(to_pos), sum(lines)::BIGINT, sum(divided)::BIGINT, "
        "arg_max(range_hash, to_pos) "
        "FROM ledger WHERE source_id = ? GROUP BY hash_from ORDER BY hash_from",
        [source_id],
    )
    try:
        with Reader(path, compression_of(path)) as reader:
            for _, start, end, lines, divided, range_hash in segments:
                found = _read_segment(reader, start, end)
                size += found.size
                if found.size < end - start or found.hash != range_hash:
                    detail = f"bytes {start} to {end} are not those that were read"
                    return [Problem(source_id, path, "file_changed", detail)], size
                problem = _check_lines(store, source_id, path, found, (start, end), lines, divided)
                if problem:
                    return [problem], size
    except InputError as error:
        return [Problem(source_id, path, error.reason, error.message)], size
    return [], size


@dataclass(frozen=True, slots=True)
class _Found:
    """What stands in a stretch of a file."""

    size: int
    hash: bytes
    begins: npt.NDArray[np.int64]
    """Where lines begin."""


def _read_segment(reader: Reader, start: int, end: int) -> _Found:
    """Piece by piece: a line, or a hole, may be larger than memory."""
    segment = Segment(start)
    begins = [np.array([start])]
    reader.seek(start)
    while segment.end < end:
        buffer = memoryview(bytearray(min(_PIECE, end - segment.end)))
        piece = buffer[: reader.read_into(buffer)]
        if not piece:
            break
        begins.append(np.flatnonzero(np.frombuffer(piece, np.uint8) == NEWLINE) + segment.end + 1)
        segment.add(piece)
    found = np.concatenate(begins)
    return _Found(segment.end - start, segment.digest(), found[found < end])


_ROWS_WITHIN = """
SELECT source_pos::BIGINT AS pos
FROM (SELECT source_id, source_pos FROM events UNION ALL SELECT source_id, source_pos FROM rejects)
WHERE source_id = $source AND source_pos >= $start AND source_pos < $end
"""

_ENTRIES_WITHIN = """
SELECT from_pos::BIGINT AS pos
FROM ledger
WHERE source_id = $source AND from_pos >= $start AND from_pos < $end
"""


def _check_lines(
    store: Store, source_id: int, path: str, found: _Found, stretch: tuple[int, int], lines: int, divided: int
) -> Problem | None:
    """Every row begins where a line does, but for those cut from lines; of both there are as many as in the ledger."""
    start, end = stretch
    within: dict[str, object] = {"source": source_id, "start": start, "end": end}
    with store.rows(_ROWS_WITHIN, within) as found_rows:
        rows = found_rows.fetchnumpy()["pos"]
    with store.rows(_ENTRIES_WITHIN, within) as found_entries:
        entries = found_entries.fetchnumpy()["pos"]
    begins = np.union1d(found.begins, entries)  # what was taken of a line too early is a line of its own
    if len(begins) != lines:
        return Problem(source_id, path, "line_count", f"{len(begins)} lines in the file, {lines} in the ledger")
    # A byte-order mark at the very beginning belongs to the line, not to its text.
    astray = np.setdiff1d(rows, begins)
    astray = astray[astray != 3] if start == 0 else astray
    if len(astray) > divided:  # retention may have removed some
        return Problem(source_id, path, "astray", f"{len(astray) - divided} rows do not begin where a line does")
    return None

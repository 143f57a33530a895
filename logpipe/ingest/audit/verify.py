"""The proof that nothing is missing: ledger, rows and files say the same."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from logpipe.errors import InputError
from logpipe.ingest.audit.accounts import Problem, check_accounts, check_rollups, pages
from logpipe.ingest.audit.numbering import Numbering, check_numbering
from logpipe.ingest.files.discovery import family_of
from logpipe.ingest.files.fingerprint import Segment
from logpipe.ingest.files.reader import Reader, compression_of
from logpipe.ingest.scanning.lines import NEWLINE
from logpipe.store import Store

_PIECE = 16 << 20


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
    open_gaps: int
    """Gaps without an end: from there on something may be missing."""
    problems: tuple[Problem, ...]
    numbering: Numbering
    """What the numbers of the processes say was lost before it could be read; no problem of the store."""


def verify(store: Store) -> Verdict:
    """Check every source: the ledger has no hole, its counts equal the rows, and the file still holds the same bytes.

    Files are read again where they, or what they were rotated to, still exist; a source whose bytes are nowhere any
    more is checked by ledger and rows alone. Others may write meanwhile: what is compared is of one moment.

    Raises:
        StoreError: the store refused.
    """
    with store.transaction():
        counts = _counts(store)
        problems = list(check_rollups(store))
        numbering = check_numbering(store)
        owners = {
            (device, inode): source_id
            for source_id, device, inode in store.execute(
                "SELECT source_id, device, inode FROM sources WHERE state <> 'gone' ORDER BY source_id"
            )
        }
        all_of_them = pages(store)
    files_read = bytes_read = 0
    for first, last in all_of_them:
        with store.transaction():
            problems += check_accounts(store, first, last)
            sources = store.execute(_WITH_FILES, {"first": first, "last": last})
        for source_id, path, device, inode, head in sources:
            file = file_of(path, (device, inode), head, _owner_check(owners, source_id))
            if file is not None:
                with store.transaction():
                    found, size = check_file(store, source_id, file)
                problems += found
                files_read += 1
                bytes_read += size
    problems.sort(key=lambda problem: (problem.source_id is None, problem.source_id))
    return Verdict(
        **counts, files_read=files_read, bytes_read=bytes_read, problems=tuple(problems), numbering=numbering
    )


_WITH_FILES: Final = """
SELECT source_id, path, device, inode, head
FROM sources
WHERE source_id BETWEEN $first AND $last AND state <> 'gone'
ORDER BY source_id
"""

_COUNTS: Final = """
SELECT * FROM (SELECT count(*) AS sources FROM sources), (
    SELECT coalesce(sum(lines), 0)::BIGINT AS lines, coalesce(sum(events), 0)::BIGINT AS events,
        coalesce(sum(joined), 0)::BIGINT AS joined, coalesce(sum(blanks), 0)::BIGINT AS blanks,
        coalesce(sum(divided), 0)::BIGINT AS divided, coalesce(sum(rejects), 0)::BIGINT AS rejects
    FROM ledger
), (
    SELECT coalesce(sum(events), 0)::BIGINT AS expired_events, coalesce(sum(rejects), 0)::BIGINT AS expired_rejects
    FROM expired
), (
    SELECT coalesce(sum(to_pos - from_pos), 0)::BIGINT AS lost_bytes,
        count(*) FILTER (to_pos IS NULL) AS open_gaps
    FROM gaps
)
"""


def _counts(store: Store) -> dict[str, int]:
    with store.rows(_COUNTS) as rows:
        names = [column[0] for column in rows.description]
        [values] = rows.fetchall()
    return dict(zip(names, values, strict=True))


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

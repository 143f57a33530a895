"""Which file is which: sources in the store, and the rule that knows a file again by its content.

A file continues the source of its family whose bytes it still holds: the same head, the same bytes before the offset,
and, where the inode is another, the same hashes over everything read. The longest match wins; inode and path only break
ties. A file that begins as a copy of another starts where the copy ends.
"""

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from logpipe.errors import InputError
from logpipe.ingest.chunk import TAIL_BYTES, Segment, Span, digest
from logpipe.ingest.discovery import LogFile
from logpipe.ingest.open_files import OpenFiles
from logpipe.ingest.reader import HEAD_BYTES, Compression, Reader
from logpipe.store import Store
from logpipe.store.patience import waiting_for_memory

log = logging.getLogger(__name__)

_LEAST_COPY = 64
"""A shorter common beginning is chance, not a copy."""

_PIECE = 1 << 20

_NOTED_EVERY_S = 5.0
"""Where a growing file stands is kept in the ledger; its size and date go into the store no more often than this."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The end of a file that is not taken yet: a line without its newline, or a record that may go on."""

    tail: bytes
    """What stands before it, at most `TAIL_BYTES`."""
    data: bytes


@dataclass(slots=True)
class Source:
    """One file generation, as the store knows it."""

    source_id: int
    path: str
    family: str
    generation: int
    device: int | None
    inode: int | None
    size: int
    modified_ns: int
    head_bytes: int
    head_hash: bytes
    """SHA-256 of the first bytes."""
    compression: Compression | None
    format: str
    service: str
    state: str
    offset: int = 0
    """The first byte that is not in the store yet."""
    tail_hash: bytes | None = None
    ranges: list[tuple[int, int, bytes]] = field(default_factory=list)
    """(from, to, hash) of everything read, in order."""
    segment: Segment | None = None
    """The hash that the next entry of the ledger may go on with."""
    waiting: Waiting | None = None
    """Kept in memory, for when the file is overwritten before it goes on."""
    waiting_bytes: int = 0
    looked_at: float | None = None
    """When the file was last read to its end, on the monotonic clock."""
    changed_at: float = field(default_factory=time.monotonic)
    """When its size or date was last found changed, on the monotonic clock."""
    noted_at: float = 0.0
    noted: bool = True
    """Whether the store knows where and how the file was last seen."""

    @property
    def identity(self) -> tuple[int | None, int | None]:
        return self.device, self.inode

    def untouched(self, file: LogFile) -> bool:
        """Whether nothing about the file has changed since it was last read."""
        return (self.size, self.modified_ns, self.inode, self.device) == (
            file.size,
            file.modified_ns,
            file.inode,
            file.device,
        )

    def begins(self, head: "Head") -> bool:
        """Whether a file with this head begins as the source does."""
        return head.hash_of(self.head_bytes) == self.head_hash

    def advance(self, span: Span) -> None:
        """Take note that a span is in the store."""
        self.enter(span.hash_from, span.to_pos, span.range_hash, span.tail_hash)

    def enter(self, hash_from: int, end: int, range_hash: bytes, tail_hash: bytes | None) -> None:
        """Take note of a ledger entry."""
        self.offset, self.tail_hash = end, tail_hash
        if self.ranges and self.ranges[-1][0] == hash_from:
            self.ranges.pop()
        self.ranges.append((hash_from, end, range_hash))

    def inherit(self, original: "Source", length: int) -> None:
        """Begin behind a copy of another source."""
        self.ranges = [entry for entry in original.ranges if entry[1] <= length]
        self.offset, self.tail_hash = length, original.tail_hash if original.offset == length else None

    def exhausted(self, file: LogFile) -> bool:
        """Whether all bytes of the file, as it is now, are in the store."""
        return self.state == "complete" if self.compression else self.offset == file.size


class Head:
    """The first bytes of a file, and the hashes by which they are compared with those of sources."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._hashes: dict[int, bytes] = {}

    def hash_of(self, size: int) -> bytes | None:
        """The hash of the first `size` bytes; None where there are fewer."""
        if size > len(self.data):
            return None
        if size not in self._hashes:
            self._hashes[size] = sha256(self.data[:size]).digest()
        return self._hashes[size]


class Sources:
    """The sources of a store, in memory, and the files that were matched to them in this sweep."""

    def __init__(self, store: Store, files: OpenFiles) -> None:
        self._store = store
        self._files = files
        self._by_family: dict[str, list[Source]] = {}
        self._by_identity: dict[tuple[int | None, int | None], list[Source]] = {}
        self._unnoted: dict[int, Source] = {}
        for source in load_sources(store):
            self._by_family.setdefault(source.family, []).append(source)
            self._by_identity.setdefault(source.identity, []).append(source)

    def __iter__(self) -> Iterator[Source]:
        return (source for family in self._by_family.values() for source in family)

    def match(self, files: Iterable[LogFile]) -> dict[LogFile, Source | None]:
        """Each file with the source that it continues; None for a file that is new.

        Within a family the file with the longest verified match is served first, one with a name before one without.
        Files that cannot be read are left to the reading that follows.
        """
        matches: dict[LogFile, Source | None] = {}
        taken: set[int] = set()
        for file in files:
            source = matches[file] = None if file.away else self._untouched(file)
            if source is not None:
                taken.add(source.source_id)
        claims = [claim for file, source in matches.items() if source is None for claim in self._claims(file, taken)]
        claims.sort(key=lambda claim: claim[:3], reverse=True)
        for *_, file, source in claims:
            if matches[file] is None and source.source_id not in taken:
                matches[file] = source
                taken.add(source.source_id)
        return matches

    def of(self, file: LogFile) -> Source | None:
        """The source that was last seen in this very file, whatever it holds now."""
        return max(self._by_identity.get(file.identity, ()), key=lambda source: source.source_id, default=None)

    def head_of(self, source: Source) -> bytes:
        """The first bytes of a source."""
        [(head,)] = self._store.execute("SELECT head FROM sources WHERE source_id = ?", [source.source_id])
        return bytes(head)

    def superseded(self, source: Source) -> bool:
        """Whether its family has a newer generation, so that its writer has most likely moved on."""
        return self._by_family[source.family][-1] is not source

    def copied(self, file: LogFile, others: Iterable[tuple[LogFile, Source]]) -> tuple[Source, int] | None:
        """The source of the family that a new file begins as a copy of, and the length of the copy."""
        for other, source in others:
            if other.family != file.family or source.offset < _LEAST_COPY or _gave_up_its_name(other, source, file):
                continue
            common = self._common(file, other, source.offset)
            if common >= _LEAST_COPY:
                return source, common
        return None

    def left(self, matched: Iterable[Source]) -> list[Source]:
        """Active sources that no file of the sweep holds."""
        alive = {source.source_id for source in matched}
        return [source for source in self if source.state == "active" and source.source_id not in alive]

    @waiting_for_memory
    def add(
        self,
        file: LogFile,
        head: Head,
        compression: Compression | None,
        format_name: str,
        service: str,
        copied: tuple[Source, int] | None,
    ) -> Source:
        """A new generation of the file's family, stored; one that is `copied` starts behind the copy."""
        family = self._by_family.setdefault(file.family, [])
        generation = 1 + max((source.generation for source in family), default=0)
        with self._store.transaction() as connection:
            [(source_id,)] = connection.execute("SELECT nextval('source_ids')").fetchall()
            connection.execute(
                "INSERT INTO sources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'active', now())",
                [
                    *(source_id, file.path, file.family, generation, file.device, file.inode, file.size),
                    *(_when(file.modified_ns), head.data, compression, format_name, service),
                ],
            )
            if copied:
                connection.execute(
                    "INSERT INTO gaps VALUES (?, 0, ?, ?, now())",
                    [source_id, copied[1], f"copy_of_source_{copied[0].source_id}"],
                )
        source = Source(
            *(source_id, file.path, file.family, generation, file.device, file.inode, file.size, file.modified_ns),
            *(len(head.data), head.hash_of(len(head.data)) or b"", compression, format_name, service, "active"),
        )
        if copied:
            source.inherit(*copied)
        family.append(source)
        self._by_identity.setdefault(source.identity, []).append(source)
        return source

    def set_format(self, source: Source, name: str) -> None:
        """Know better what a source is that nothing was taken of yet."""
        if source.format != name:
            self._store.execute("UPDATE sources SET format = ? WHERE source_id = ?", [name, source.source_id])
            source.format = name

    def seen(
        self, source: Source, file: LogFile, head: Head | None, compression: Compression | None, *, complete: bool
    ) -> None:
        """Take note of where and how a source was last seen; a complete one will not grow.

        The store is told by `note`, at once where the source could not be known again otherwise.
        """
        state = "complete" if complete else "active"
        grown = head is not None and len(head.data) > source.head_bytes
        if not source.untouched(file):
            source.changed_at = time.monotonic()
        elif (source.path, source.state) == (file.path, state) and not grown:
            return
        moved = (source.path, source.identity, source.state) != (file.path, file.identity, state)
        if source.path != file.path:
            log.info("file rotated", extra={"event": "file_rotated", "source": source.path, "renamed_to": file.path})
        if source.identity != file.identity:
            self._by_identity[source.identity].remove(source)
            self._by_identity.setdefault(file.identity, []).append(source)
        source.path, source.device, source.inode = file.path, file.device, file.inode
        source.size, source.modified_ns, source.state = file.size, file.modified_ns, state
        source.compression = compression
        source.noted = False
        self._unnoted[source.source_id] = source
        if grown and head is not None:
            source.head_bytes, source.head_hash = len(head.data), head.hash_of(len(head.data)) or b""
            self._store.execute("UPDATE sources SET head = ? WHERE source_id = ?", [head.data, source.source_id])
        if moved:
            source.noted_at = 0.0

    @waiting_for_memory
    def note(self, *, all_of_them: bool) -> None:
        """Tell the store where sources were last seen; those that change all the time only now and then."""
        now = time.monotonic()
        due = [source for source in self._unnoted.values() if all_of_them or now - source.noted_at >= _NOTED_EVERY_S]
        if not due:
            return
        with self._store.transaction() as connection:
            for source in due:
                connection.execute(
                    "UPDATE sources SET path = ?, device = ?, inode = ?, size = ?, modified_at = ?, state = ?, "
                    "compression = ? WHERE source_id = ?",
                    [
                        *(source.path, source.device, source.inode, source.size, _when(source.modified_ns)),
                        *(source.state, source.compression, source.source_id),
                    ],
                )
        for source in due:
            source.noted_at = now
            del self._unnoted[source.source_id]

    @waiting_for_memory
    def gone(self, source: Source, reason: str, *, unseen: bool) -> int:
        """Close a source whose bytes are no longer there; bytes that were seen and not read become a gap.

        With `unseen`, more may have been written than was ever seen: then there is a gap without an end.
        Returns the number of bytes known to be lost.
        """
        source.state = "gone"
        self._unnoted.pop(source.source_id, None)
        lost = max(0, source.size - source.offset) if source.compression is None else 0
        with self._store.transaction() as connection:
            connection.execute("UPDATE sources SET state = 'gone' WHERE source_id = ?", [source.source_id])
            if lost or unseen:
                _enter_gap(self._store, source, source.offset, source.size if lost else None, reason)
        return lost

    def damaged(self, source: Source) -> None:
        """Compressed data that cannot be read on: a gap of unknown length; a mended file is read on from here."""
        self.mended(source)
        _enter_gap(self._store, source, source.offset, None, "damaged")

    def mended(self, source: Source) -> None:
        """The file could be read to its end after all."""
        self._store.execute("DELETE FROM gaps WHERE source_id = ? AND reason = 'damaged'", [source.source_id])

    def _untouched(self, file: LogFile) -> Source | None:
        """The source that was read furthest in this very file, if nothing has happened to it since."""
        same = self._by_identity.get(file.identity, ())
        untouched = [source for source in same if source.family == file.family and source.untouched(file)]
        return max(untouched, key=lambda source: source.offset, default=None)

    def _claims(self, file: LogFile, taken: set[int]) -> list[tuple[int, bool, bool, LogFile, Source]]:
        """The sources that the file may continue: how long the match is, has it a name, is the inode the same."""
        family = [source for source in self._by_family.get(file.family, ()) if source.source_id not in taken]
        if not family:
            return []
        try:
            with self._files.reader(file) as reader:
                head = Head(reader.peek())
                begun = [source for source in family if source.begins(head)]
                held = [(source, _holds(reader, file, source)) for source in begun]
        except InputError:
            return []
        return [
            (source.offset, not file.away, same_inode, file, source)
            for source, same_inode in held
            if same_inode is not None
        ]

    def _common(self, file: LogFile, other: LogFile, limit: int) -> int:
        """The length, up to `limit`, of what two files begin with alike, if it is all that one of them has; else 0."""
        shared = 0
        try:
            with self._files.reader(file) as one, self._files.reader(other) as two:
                one.seek(0)
                two.seek(0)
                while shared < limit:
                    size = min(_PIECE, limit - shared)
                    left, right = _read(one, size), _read(two, size)
                    length = min(len(left), len(right))
                    if left[:length] != right[:length]:
                        return 0
                    shared += length
                    if length < size:
                        break
        except InputError:
            return 0
        return shared


def load_sources(store: Store) -> list[Source]:
    """All sources, with what was read of them."""
    sources = {
        row[0]: Source(*row)
        for row in store.execute(
            """
            SELECT source_id, path, family, generation, device, inode, size, (epoch_ns(modified_at))::BIGINT,
                octet_length(head)::INTEGER, unhex(sha256(head)), compression, format, service, state
            FROM sources ORDER BY source_id
            """
        )
    }
    for source_id, original, length in store.execute(
        "SELECT source_id, replace(reason, 'copy_of_source_', '')::INTEGER, to_pos FROM gaps "
        "WHERE reason LIKE 'copy_of_source_%' ORDER BY source_id"
    ):
        sources[source_id].ranges += [entry for entry in sources[original].ranges if entry[1] <= length]
        for entry in store.execute(_ENTRIES_UP_TO, [original, length]):
            sources[source_id].enter(*entry)
        sources[source_id].offset = length
    for source_id, hash_from, end, range_hash, tail_hash in store.execute(
        "SELECT source_id, hash_from, max(to_pos), arg_max(range_hash, to_pos), arg_max(tail_hash, to_pos) "
        "FROM ledger GROUP BY source_id, hash_from ORDER BY source_id, hash_from"
    ):
        sources[source_id].enter(hash_from, end, range_hash, tail_hash)
    return list(sources.values())


_ENTRIES_UP_TO = """
SELECT hash_from, max(to_pos), arg_max(range_hash, to_pos),
    CASE WHEN max(to_pos) = $2 THEN arg_max(tail_hash, to_pos) END
FROM ledger WHERE source_id = $1 AND to_pos <= $2 GROUP BY hash_from ORDER BY hash_from
"""


def _enter_gap(store: Store, source: Source, start: int, end: int | None, reason: str) -> None:
    store.execute("INSERT INTO gaps VALUES (?, ?, ?, ?, now())", [source.source_id, start, end, reason])


def _gave_up_its_name(other: LogFile, source: Source, file: LogFile) -> bool:
    """Whether a file left its name to a new one, which may begin alike and is no copy."""
    return other.path == file.path if other.away else other.path != source.path


def _holds(reader: Reader, file: LogFile, source: Source) -> bool | None:
    """Whether the file holds all that was read of the source: None if not, else whether the inode is the same too.

    That it begins as the source does is known already.
    """
    same_inode = file.identity == source.identity
    compression = reader.compression
    if (compression is None and file.size < source.offset) or (not source.head_bytes and not same_inode):
        return None
    if same_inode and compression is None and source.tail_hash is not None:
        start = max(0, source.offset - TAIL_BYTES)
        reader.seek(start)
        return True if digest(_read(reader, source.offset - start)) == source.tail_hash else None
    return same_inode if _holds_ranges(reader, source) else None


def _holds_ranges(reader: Reader, source: Source) -> bool:
    for start, end, range_hash in source.ranges:
        segment = Segment(start)
        reader.seek(start)
        while segment.end < end and (piece := _read(reader, min(_PIECE, end - segment.end))):
            segment.add(piece)
        if segment.end < end or segment.digest() != range_hash:
            return False
    return True


def _read(reader: Reader, size: int) -> bytes:
    buffer = bytearray(min(size, max(_PIECE, HEAD_BYTES)))
    return bytes(memoryview(buffer)[: reader.read_into(memoryview(buffer))])


def _when(modified_ns: int) -> datetime:
    return datetime.fromtimestamp(modified_ns // 1000 / 1e6, UTC)

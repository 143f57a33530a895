"""Which file is which: sources in the store, and the rule that knows a file again by its content.

A file continues the source of its family whose bytes it still holds: the same head, the same bytes before the offset,
and, where the inode is another, the same hashes over everything read. The longest match wins; inode and path only break
ties. A file that begins as a copy of another starts where the copy ends.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from logpipe.errors import InputError
from logpipe.ingest.chunk import TAIL_BYTES, Span, digest
from logpipe.ingest.discovery import LogFile
from logpipe.ingest.reader import Compression, Reader, compression_of
from logpipe.store import Store

_LEAST_COPY = 64
"""A shorter common beginning is chance, not a copy."""
_PIECE = 1 << 20


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
    head: bytes
    compression: str | None
    format: str
    service: str
    state: str
    offset: int = 0
    """The first byte that is not in the store yet."""
    tail_hash: bytes = b""
    ranges: list[tuple[int, int, bytes]] = field(default_factory=list)
    """(from, to, hash) of every ledger entry, in order."""

    def untouched(self, file: LogFile) -> bool:
        """Whether nothing about the file has changed since it was last read."""
        return (self.device, self.inode, self.size, self.modified_ns) == (
            file.device,
            file.inode,
            file.size,
            file.modified_ns,
        )

    def advance(self, span: Span) -> None:
        """Take note that a span is in the store."""
        self.enter(span.from_pos, span.to_pos, span.range_hash, span.tail_hash)

    def enter(self, start: int, end: int, range_hash: bytes, tail_hash: bytes) -> None:
        """Take note of a ledger entry."""
        self.offset, self.tail_hash = end, tail_hash
        self.ranges.append((start, end, range_hash))

    def exhausted(self, file: LogFile) -> bool:
        """Whether all bytes of the file, as it is now, are in the store."""
        return self.state == "complete" if self.compression else self.offset == file.size


class Sources:
    """The sources of a store, in memory, and the files that were matched to them in this sweep."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_family: dict[str, list[Source]] = {}
        for source in _load(store):
            self._by_family.setdefault(source.family, []).append(source)

    def match(self, files: Iterable[LogFile]) -> dict[LogFile, Source | None]:
        """Each file with the source that it continues; None for a file that is new.

        Within a family the file with the longest verified match is served first. Files that cannot be read are left to
        the reading that follows.
        """
        matches: dict[LogFile, Source | None] = {}
        claims = []
        taken: set[int] = set()
        for file in files:
            untouched = [source for source in self._by_family.get(file.family, ()) if source.untouched(file)]
            matches[file] = max(untouched, key=lambda source: source.offset, default=None)
            taken |= {source.source_id for source in untouched}
        for file in [file for file, source in matches.items() if source is None]:
            claims += [
                (source.offset, known, file, source)
                for source in self._by_family.get(file.family, ())
                if source.source_id not in taken and (known := _verified(file, source)) is not None
            ]
        claims.sort(key=lambda claim: claim[:2], reverse=True)
        for *_, file, source in claims:
            if matches[file] is None and source.source_id not in taken:
                matches[file] = source
                taken.add(source.source_id)
        return matches

    def copied(self, file: LogFile, others: Iterable[tuple[LogFile, Source]]) -> tuple[Source, int] | None:
        """The source of the family that a new file begins as a copy of, and the length of the copy."""
        for other, source in others:
            # A file that was renamed left its name to a new one, which may begin alike and is no copy.
            if other.family != file.family or source.offset < _LEAST_COPY or other.path != source.path:
                continue
            common = _common(file, other, source.offset)
            if common >= _LEAST_COPY:
                return source, common
        return None

    def left(self, matched: Iterable[Source]) -> list[Source]:
        """Active sources that no file of the sweep holds."""
        alive = {source.source_id for source in matched}
        known = (source for family in self._by_family.values() for source in family)
        return [source for source in known if source.source_id not in alive and source.state == "active"]

    def add(
        self,
        file: LogFile,
        head: bytes,
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
                "INSERT INTO sources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'active', now(), NULL)",
                [
                    *(source_id, file.path, file.family, generation, file.device, file.inode, file.size),
                    *(_when(file.modified_ns), head, compression, format_name, service),
                ],
            )
            if copied:
                connection.execute(
                    "INSERT INTO gaps VALUES (?, 0, ?, ?, now())",
                    [source_id, copied[1], f"copy_of_source_{copied[0].source_id}"],
                )
        source = Source(
            *(source_id, file.path, file.family, generation, file.device, file.inode, file.size),
            *(file.modified_ns, head, compression, format_name, service, "active"),
            offset=copied[1] if copied else 0,
        )
        family.append(source)
        return source

    def seen(
        self, source: Source, file: LogFile, head: bytes, compression: Compression | None, *, complete: bool
    ) -> None:
        """Store where and how a source was last seen; a complete one will not grow."""
        state = "complete" if complete else "active"
        if source.untouched(file) and (source.path, source.head, source.state) == (file.path, head, state):
            return
        source.path, source.device, source.inode = file.path, file.device, file.inode
        source.compression = compression
        source.size, source.modified_ns, source.head, source.state = file.size, file.modified_ns, head, state
        self._store.execute(
            "UPDATE sources SET path = ?, device = ?, inode = ?, size = ?, modified_at = ?, head = ?, state = ?, "
            "compression = ? WHERE source_id = ?",
            [
                source.path,
                source.device,
                source.inode,
                source.size,
                _when(source.modified_ns),
                head,
                source.state,
                source.compression,
                source.source_id,
            ],
        )

    def gone(self, source: Source, reason: str) -> int:
        """Close a source whose bytes are no longer there; bytes that were seen and not read become a gap.

        Returns the number of bytes known to be lost.
        """
        source.state = "gone"
        lost = max(0, source.size - source.offset) if source.compression is None else 0
        with self._store.transaction() as connection:
            connection.execute("UPDATE sources SET state = 'gone' WHERE source_id = ?", [source.source_id])
            if lost:
                connection.execute(
                    "INSERT INTO gaps VALUES (?, ?, ?, ?, now())",
                    [source.source_id, source.offset, source.size, reason],
                )
        return lost

    def damaged(self, source: Source) -> None:
        """Compressed data that cannot be read on: a gap of unknown length; a mended file is read on from here."""
        self._store.execute(
            "INSERT INTO gaps SELECT ?, ?, NULL, 'damaged', now() "
            "WHERE NOT EXISTS (FROM gaps WHERE source_id = ? AND from_pos = ? AND reason = 'damaged')",
            [source.source_id, source.offset, source.source_id, source.offset],
        )


def _load(store: Store) -> list[Source]:
    sources = {
        row[0]: Source(*row)
        for row in store.execute(
            """
            SELECT source_id, path, family, generation, device, inode, size,
                (epoch_ns(modified_at))::BIGINT, head, compression, format, service, state
            FROM sources ORDER BY source_id
            """
        )
    }
    for source_id, length in store.execute("SELECT source_id, to_pos FROM gaps WHERE reason LIKE 'copy_of_source_%'"):
        sources[source_id].offset = length
    for source_id, start, end, range_hash, tail_hash in store.execute(
        "SELECT source_id, from_pos, to_pos, range_hash, tail_hash FROM ledger ORDER BY source_id, to_pos"
    ):
        sources[source_id].enter(start, end, range_hash, tail_hash)
    return list(sources.values())


def _verified(file: LogFile, source: Source) -> bool | None:
    """As `_holds`; None too where the file cannot be read, which is then told by its reading."""
    try:
        return _holds(file, source)
    except InputError:
        return None


def _holds(file: LogFile, source: Source) -> bool | None:
    """Whether the file holds all that was read of the source: None if not, else whether the inode is the same too."""
    same_inode = (file.device, file.inode) == (source.device, source.inode)
    compression = compression_of(file.path)
    if compression is None and file.size < source.offset:
        return None
    with Reader(file.path, compression) as reader:
        head = _read(reader, max(len(source.head), 1))
        if not head.startswith(source.head) or (not source.head and not same_inode):
            return None
        if same_inode and compression is None:
            start = max(0, source.offset - TAIL_BYTES)
            reader.seek(start)
            tail = _read(reader, source.offset - start)
            return True if not source.ranges or digest(tail) == source.tail_hash else None
        return same_inode if _holds_ranges(reader, source) else None


def _holds_ranges(reader: Reader, source: Source) -> bool:
    for start, end, range_hash in source.ranges:
        reader.seek(start)
        data = _read(reader, end - start)
        if len(data) < end - start or digest(data) != range_hash:
            return False
    return True


def _read(reader: Reader, size: int) -> bytes:
    buffer = bytearray(size)
    return bytes(memoryview(buffer)[: reader.read_into(memoryview(buffer))])


def _common(file: LogFile, other: LogFile, limit: int) -> int:
    """The length, up to `limit`, of the beginning that two files share if it is all that one of them has; else 0."""
    shared = 0
    try:
        with Reader(file.path, compression_of(file.path)) as one, Reader(other.path, compression_of(other.path)) as two:
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


def _when(modified_ns: int) -> datetime:
    return datetime.fromtimestamp(modified_ns // 1000 / 1e6, UTC)

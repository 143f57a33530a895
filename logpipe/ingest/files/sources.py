"""Which file is which: sources in the store, and the rule that knows a file again by its content.

A file continues the source of its family whose bytes it still holds: the same head, the same bytes before the offset,
and, where the inode is another, the same hashes over everything read. The longest match wins; inode and path only break
ties. A file that begins as a copy of another starts where the copy ends.

A source of another family, which no file of that family holds any more, is continued too, for logs are moved to names
and folders that tell nothing: by the very file, untouched or open since it was read, or by all its bytes, if these are
many.
"""

import logging
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from logpipe.errors import InputError
from logpipe.ingest.files.content import common_beginning, holds
from logpipe.ingest.files.discovery import LogFile, date_in, family_of
from logpipe.ingest.files.open_files import OpenFiles
from logpipe.ingest.files.reader import HEAD_BYTES, Compression, Replaced
from logpipe.ingest.files.source import Copied, Head, Source
from logpipe.ingest.files.stored_sources import load_sources
from logpipe.store import Store
from logpipe.store.patience import waiting_for_memory

log = logging.getLogger(__name__)

_LEAST_COPY = 64
"""A shorter common beginning is chance, not a copy."""

_NOTED_EVERY_S = 5.0
"""Where a growing file stands is kept in the ledger; its size and date go into the store no more often than this."""


class Sources:
    """The sources of a store, in memory, and the files that were matched to them in this sweep."""

    def __init__(self, store: Store, files: OpenFiles) -> None:
        self._store = store
        self._files = files
        self._by_family: dict[str, list[Source]] = {}
        self._by_identity: dict[tuple[int | None, int | None], list[Source]] = {}
        self._by_head: dict[bytes, list[Source]] = {}
        """Those whose head is as long as a head may be."""
        self._unnoted: dict[int, Source] = {}
        self._former_paths: dict[int, str] = {}
        """Where the sources stood that were found elsewhere in this sweep."""
        self._left_paths: dict[int, set[str]] = {}
        """Where they ever stood."""
        self._unsettled: set[str] = set()
        for source in load_sources(store):
            self._index(source)

    def __iter__(self) -> Iterator[Source]:
        return (source for family in self._by_family.values() for source in family)

    def match(self, files: Iterable[LogFile]) -> dict[LogFile, Source | None]:
        """Each file with the source that it continues; None for a file that is new.

        Within a family the file with the longest verified match is served first, one with a name before one without.
        Files that cannot be read are left to the reading that follows.
        """
        matches: dict[LogFile, Source | None] = {}
        taken: set[int] = set()
        self._former_paths.clear()
        self._unsettled.clear()
        for file in files:
            source = matches[file] = None if file.away else self._untouched(file)
            if source is not None:
                taken.add(source.source_id)
        claims = [claim for file, source in matches.items() if source is None for claim in self._claims(file, taken)]
        claims.sort(key=lambda claim: claim[:4], reverse=True)
        for *_, file, source in claims:
            if matches[file] is None and source.source_id not in taken:
                matches[file] = source
                taken.add(source.source_id)
        return matches

    def unsettle(self, family: str) -> None:
        """A file of the family changed its name, or vanished, during this sweep: another may be the same."""
        self._unsettled.add(family)

    def is_settled(self, family: str) -> bool:
        """Whether what this sweep found of a family tells which of its files are new, and which are no more."""
        return family not in self._unsettled

    def of(self, file: LogFile) -> Source | None:
        """The source that was last seen in this very file, whatever it holds now; inodes are used again."""
        seen = self._by_identity.get(file.identity, ())
        return next((source for source in reversed(seen) if source.state != "gone"), seen[-1] if seen else None)

    def head_of(self, source: Source) -> bytes:
        """The first bytes of a source."""
        [(head,)] = self._store.execute("SELECT head FROM sources WHERE source_id = ?", [source.source_id])
        return bytes(head)

    def superseded(self, source: Source) -> bool:
        """Whether its writer has most likely moved on: a newer generation has the name that is written to.

        That is the one that the source left, the one without a suffix, or one of a later date. Numbered names alone may
        be of writers side by side.
        """
        for path in self._left_paths.get(source.source_id, ()):
            others = self._by_family.get(family_of(path), ())
            if any(other.path == path and other.source_id > source.source_id for other in others):
                return True
        newer = (other for other in self._by_family[source.family] if other.generation > source.generation)
        return any(
            other.path == source.family != source.path or "" < date_in(source.path) < date_in(other.path)
            for other in newer
        )

    def copied(self, file: LogFile, head: Head, others: Iterable[tuple[LogFile, Source]]) -> Copied | None:
        """What a file has of a source, among others of its family, as a copy of which it begins.

        Raises:
            Replaced: one of the two is not there any more.
        """
        for other, source in others:
            if not self.may_be_copy(file, head, source):
                continue
            common = common_beginning(self._files, file, other, source.offset)
            if common is not None and common.end >= _LEAST_COPY:
                return Copied(source, common.end, common.digest())
        return None

    def may_be_copy(self, file: LogFile, head: Head, source: Source) -> bool:
        """Whether a file may begin as a copy of a source, as far as its first bytes tell."""
        if source.offset < _LEAST_COPY or self._gave_up_its_name(source, file):
            return False
        return source.begins(head) or (
            len(head.data) < source.head_bytes and self.head_of(source).startswith(head.data)
        )

    def left(self, matched: Iterable[Source]) -> list[Source]:
        """Active sources that no file of the sweep holds, as far as it tells."""
        alive = {source.source_id for source in matched}
        left = (source for source in self if source.state == "active" and source.source_id not in alive)
        return [source for source in left if self.is_settled(source.family)]

    @waiting_for_memory
    def add(
        self,
        file: LogFile,
        head: Head,
        compression: Compression | None,
        format_name: str,
        service: str,
        copied: Copied | None,
        time_zone: str | None = None,
        *,
        format_chosen: bool = False,
    ) -> Source:
        """A new generation of the file's family, stored; one that is `copied` starts behind the copy."""
        time_zone = time_zone or (copied.original.time_zone if copied else "UTC")
        generation = self._next_generation(file.family)
        with self._store.transaction() as connection:
            [(source_id,)] = connection.execute("SELECT nextval('source_ids')").fetchall()
            connection.execute(
                "INSERT INTO sources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'active', now(), ?, ?, ?, ?)",
                [
                    *(source_id, file.path, file.family, generation, file.device, file.inode, file.size),
                    *(_when(file.modified_ns), head.data, compression, format_name, service, time_zone),
                    *((copied.original.source_id, copied.length, copied.hash) if copied else (None, 0, None)),
                    format_chosen,
                ],
            )
        source = Source(
            *(source_id, file.path, file.family, generation, file.device, file.inode, file.size, file.modified_ns),
            *(len(head.data), head.hash_of(len(head.data)) or b"", compression, format_name, service, time_zone),
            state="active",
            format_chosen=format_chosen,
        )
        if copied:
            source.inherit(copied)
        self._index(source)
        return source

    def _index(self, source: Source) -> None:
        self._by_family.setdefault(source.family, []).append(source)
        self._by_identity.setdefault(source.identity, []).append(source)
        self._index_head(source)

    def _index_head(self, source: Source) -> None:
        if source.head_bytes == HEAD_BYTES:
            self._by_head.setdefault(source.head_hash, []).append(source)

    def recopy(self, source: Source, copied: Copied | None) -> None:
        """Know better how much of a source, of which nothing else was read yet, is a copy; None for nothing."""
        if copied is None:
            source.copied_from, source.copied_bytes, source.offset = None, 0, 0
            source.ranges, source.tail_hash = [], None
        else:
            source.inherit(copied)
        self._store.execute(
            "UPDATE sources SET copied_from = ?, copied_bytes = ?, copied_hash = ? WHERE source_id = ?",
            [source.copied_from, source.copied_bytes, copied and copied.hash, source.source_id],
        )

    def set_format(self, source: Source, name: str) -> None:
        """Know better what a source is; what was taken of it stays as it was read."""
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
            self._former_paths.setdefault(source.source_id, source.path)
            self._left_paths.setdefault(source.source_id, set()).add(source.path)
            log.info("file rotated", extra={"event": "file_rotated", "source": source.path, "renamed_to": file.path})
        if source.state == "gone":
            self._found_again(source)
        if source.family != file.family:
            self._move(source, file.family)
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
            self._index_head(source)
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
        start = self._known_up_to(source)
        lost = max(0, source.size - start) if source.compression is None else 0
        with self._store.transaction() as connection:
            connection.execute("UPDATE sources SET state = 'gone' WHERE source_id = ?", [source.source_id])
            if lost or unseen:
                _enter_gap(self._store, source, start, source.size if lost else None, reason)
        return lost

    def damaged(self, source: Source) -> None:
        """Compressed data that cannot be read on: a gap of unknown length; a mended file is read on from here."""
        self.mended(source)
        _enter_gap(self._store, source, source.offset, None, "damaged")

    def mended(self, source: Source) -> None:
        """The file could be read to its end after all."""
        self._store.execute("DELETE FROM gaps WHERE source_id = ? AND reason = 'damaged'", [source.source_id])

    def _known_up_to(self, source: Source) -> int:
        """How far the store has the bytes of a source: of one that is only a copy also what its original has."""
        if not source.only_copied:
            return source.offset
        originals = (other.offset for other in self if other.source_id == source.copied_from)
        return max(source.offset, *originals)

    def _next_generation(self, family: str) -> int:
        return 1 + max((source.generation for source in self._by_family.get(family, ())), default=0)

    def _move(self, source: Source, family: str) -> None:
        """Its file was found under a name of another family."""
        self._by_family[source.family].remove(source)
        source.generation = self._next_generation(family)
        source.family = family
        self._by_family.setdefault(family, []).append(source)
        self._store.execute(
            "UPDATE sources SET family = ?, generation = ? WHERE source_id = ?",
            [family, source.generation, source.source_id],
        )

    def _found_again(self, source: Source) -> None:
        """What was taken for lost with its file has been read since."""
        self._store.execute(
            "DELETE FROM gaps WHERE source_id = ? AND reason IN ('deleted', 'overwritten')", [source.source_id]
        )

    def broken(self, family: str) -> list[Source]:
        """The sources of a family that were cut short, or could not be read to their end; the newest first."""
        known = {source.source_id: source for source in self._by_family.get(family, ())}
        rows = self._store.execute(
            "SELECT DISTINCT source_id FROM gaps WHERE reason IN ('shrunk', 'damaged') AND source_id IN ? "
            "ORDER BY source_id DESC",
            [list(known)],
        )
        return [known[source_id] for (source_id,) in rows]

    def _gave_up_its_name(self, source: Source, file: LogFile) -> bool:
        """Whether a source left its name to a new file, which may begin alike and is no copy."""
        return not file.away and file.path == self._former_paths.get(source.source_id, source.path)

    def _untouched(self, file: LogFile) -> Source | None:
        """The source that was read furthest in this very file, if nothing has happened to it since."""
        same = self._by_identity.get(file.identity, ())
        untouched = [source for source in same if source.untouched(file) and not source.withdrawn]
        return max(untouched, key=lambda source: (source.family == file.family, source.offset), default=None)

    def _followed(self, file: LogFile) -> list[Source]:
        """The sources last seen in this very file: while it is open no other file can have its inode."""
        if not self._files.is_open(file):
            return []
        return [source for source in self._by_identity.get(file.identity, ()) if source.state == "active"]

    def _claims(self, file: LogFile, taken: set[int]) -> list[tuple[int, bool, bool, bool, LogFile, Source]]:
        """The sources that the file may continue.

        With how long the match is, and whether it is of the family, has a name, and is in the same inode.
        """
        followed = self._followed(file)
        if not (self._by_family.get(file.family) or self._by_head or followed):
            return []
        try:
            with self._files.reader(file) as reader:
                head = Head(reader.peek())
                moved = self._by_head.get(head.hash_of(HEAD_BYTES) or b"", ())
                likely = (*self._by_family.get(file.family, ()), *moved, *followed)
                known = {source.source_id: source for source in likely}
                free = [known[source_id] for source_id in known.keys() - taken if not known[source_id].withdrawn]
                begun = [source for source in free if source.begins(head)]
                held = [(source, holds(reader, file, source)) for source in begun]
        except Replaced:
            self.unsettle(file.family)
            return []
        except InputError:
            return []
        return [
            (source.offset, source.family == file.family, not file.away, same_inode, file, source)
            for source, same_inode in held
            if same_inode is not None
        ]


def _enter_gap(store: Store, source: Source, start: int, end: int | None, reason: str) -> None:
    store.execute("INSERT INTO gaps VALUES (?, ?, ?, ?, now())", [source.source_id, start, end, reason])


def _when(modified_ns: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=modified_ns // 1000)

"""Descriptors kept open, so that a file is read to its end after it was renamed, deleted or closed to us."""

import heapq
import resource
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from logpipe.errors import InputError
from logpipe.ingest.files.discovery import LogFile, described
from logpipe.ingest.files.reader import Reader, Replaced, compression_of

ROTATE_WAIT_S = 60.0
"""How long a file that has lost its name is kept at least: its writer may not have noticed yet."""

MOST_OPEN = 1024
"""So many files are kept open at most, if the process may open as many: see `OpenFiles.most_together`."""

_MOST_TOGETHER = 64
"""So many files at most are loaded in one transaction, so that no line waits long for those of others."""

_DRAINED_TWICE = 2
_MAGIC_BYTES = 6
"""A shorter file does not tell yet whether it is compressed."""


@dataclass(slots=True)
class _Kept:
    reader: Reader
    file: LogFile
    away_since: float | None = None
    drained: int = 0
    """How often in a row nothing was left to read since the file lost its name."""


class OpenFiles:
    """The files being followed. Compressed files do not grow line by line, and are open until they are read."""

    def __init__(self, *, keep: bool) -> None:
        """`keep` is for following; a single ingest opens files for reading alone."""
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.most_together = max(1, min(_MOST_TOGETHER, limit // 8))
        """So many files may be read at a time. With those that are kept they are no more than half of what the process
        may open (RLIMIT_NOFILE): DuckDB ends it where it cannot open a file of its own."""
        self.given_up: list[tuple[LogFile, bytes]] = []
        """Files without a name that were closed before they were read, for want of room, and how they begin."""
        self._kept: dict[tuple[int, int], _Kept] = {}
        self._most = min(MOST_OPEN, limit // 2 - self.most_together) if keep else 0

    @contextmanager
    def reader(self, file: LogFile) -> Iterator[Reader]:
        """The file, opened or still open.

        Raises:
            InputError: it cannot be opened.
            Replaced: another file has its name by now, or none.
        """
        if kept := self._kept.get(file.identity):
            yield kept.reader
            return
        reader = _opened(file)
        try:
            yield reader
        finally:
            kept = self._kept.get(file.identity)
            if kept is None or kept.reader is not reader:
                reader.close()

    def is_open(self, file: LogFile) -> bool:
        """Whether the file is kept open."""
        return file.identity in self._kept

    def read_on(self, file: LogFile, reader: Reader) -> None:
        """Keep a compressed file open, so that it need not be decompressed once more up to what is to be read next."""
        if len(self._kept) < self._most:
            self._kept.setdefault(file.identity, _Kept(reader, file))

    def keep(self, files: Iterable[LogFile], drained: Callable[[LogFile], bool], *, give_up: bool = False) -> None:
        """Open the files that are not open yet, as far as there is room: the newest of those with something to read.

        For those with something to read, files that are drained are closed; with `give_up`, which is for a time when
        nothing can be read, also the oldest without a name. A file that cannot be opened is told by its reading.
        """
        if not self._most:
            return
        missing = [file for file in files if file.identity not in self._kept and file.size >= _MAGIC_BYTES]
        room = self._most - len(self._kept)
        if len(missing) > room:
            waiting = [file for file in missing if not drained(file)]
            self._make_room(min(len(waiting), self._most) - room, drained, give_up=give_up)
            idle = self._most - len(self._kept) - len(waiting)
            missing = waiting + heapq.nlargest(max(0, idle), (file for file in missing if drained(file)), key=_age)
        for file in missing[: self._most - len(self._kept)]:
            with suppress(InputError):
                reader = _opened(file)
                if reader.grows:
                    self._kept[file.identity] = _Kept(reader, file)
                else:
                    reader.close()

    def _make_room(self, wanted: int, drained: Callable[[LogFile], bool], *, give_up: bool) -> None:
        idle = [kept.file for kept in self._kept.values() if drained(kept.file)] if wanted > 0 else []
        closed = heapq.nsmallest(wanted, idle, key=_age)
        for file in closed:
            self.close(file)
        unnamed = [kept for kept in self._kept.values() if kept.away_since is not None] if give_up else []
        for kept in heapq.nsmallest(wanted - len(closed), unnamed, key=lambda kept: kept.away_since or 0.0):
            with suppress(InputError):
                self.given_up.append((kept.file, kept.reader.peek()))
            self.close(kept.file)

    def away(self, found: Iterable[LogFile]) -> list[LogFile]:
        """The open files that none of the found ones is, as they are now."""
        names = {file.identity: file for file in found} if self._kept else {}
        lost = []
        for identity, kept in list(self._kept.items()):
            if present := names.get(identity):
                if not kept.reader.grows and _changed(kept.file, present):
                    self.close(kept.file)  # to be decompressed from its beginning
                    continue
                kept.file, kept.away_since, kept.drained = present, None, 0
                continue
            if kept.away_since is None:
                kept.away_since = time.monotonic()
            try:
                kept.file = described(kept.file.path, kept.reader.stat(), named=kept.file.named, away=True)
            except InputError:  # as when it was deleted on the server of a network file system
                self.given_up.append((kept.file, b""))
                self.close(kept.file)
            else:
                lost.append(kept.file)
        return lost

    def close_drained(self, drained: Callable[[LogFile], bool], *, at_once: bool = False) -> list[LogFile]:
        """Close, and give, the files that were found read to their end twice and have had no name for `ROTATE_WAIT_S`.

        With `at_once` all that have no name and are read to their end.
        """
        now = time.monotonic()
        closed = []
        for kept in list(self._kept.values()):
            if kept.away_since is None:
                continue
            kept.drained = kept.drained + 1 if drained(kept.file) else 0
            waited = kept.drained >= _DRAINED_TWICE and now - kept.away_since >= ROTATE_WAIT_S
            if waited or (at_once and kept.drained):
                closed.append(kept.file)
                self.close(kept.file)
        return closed

    def close(self, file: LogFile) -> None:
        """Close a file, if it is open."""
        if kept := self._kept.pop(file.identity, None):
            kept.reader.close()

    def close_all(self) -> None:
        for kept in list(self._kept.values()):
            self.close(kept.file)

    def __len__(self) -> int:
        return len(self._kept)


def _changed(before: LogFile, now: LogFile) -> bool:
    return (before.size, before.modified_ns) != (now.size, now.modified_ns)


def _age(file: LogFile) -> int:
    return file.modified_ns


def _opened(file: LogFile) -> Reader:
    reader = Reader(file.path, compression_of(file.path))
    status = reader.stat()
    if (status.st_dev, status.st_ino) != file.identity:
        reader.close()
        raise Replaced(f"{file.path} was replaced while it was read", reason="replaced")
    return reader

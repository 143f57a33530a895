"""Giving back the room that deleted rows took: a copy of what is left takes the place of the database, at once.

The copy stands beside the database, complete and on the disk, before it gets its name; until then nothing of the old
file is touched. So a process that is killed, or runs out of room, leaves the database as it was, and a hidden folder
that the next compaction removes.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from logpipe.errors import StoreError, StoreFull, StoreLocked
from logpipe.store.database import STORAGE, Store
from logpipe.store.literals import literal
from logpipe.store.volume import measure

_SPARE: Final = 1.05
"""What a copy may need more than what it copies."""

_HEADER_BYTES: Final = 3 * 4096
"""DuckDB's headers: each checkpoint writes one of them. https://duckdb.org/docs/stable/internals/storage"""

_LATE_OPENERS_S: Final = 0.2
"""How long the old file stays locked after it was replaced: who opened it before and would lock it now is refused, and
comes to the new one at the next attempt."""

_COPY: Final = '"/compacting"'
"""What the copy is called while it is made. A database is called what its file is, and so has no slash in its name."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """The size of the file, before and after."""

    before: int
    after: int


def compact(url: str | Path) -> Compacted:
    """Copy what the database at `url` holds to a new file, and put it in its place.

    Raises:
        StoreLocked: another process has it, or took it meanwhile.
        StoreFull: the volume has no room for the copy; nothing was changed.
        StoreError: it cannot be opened or copied; nothing was changed.
    """
    path = Path(url).resolve()
    with ExitStack() as stack:
        with Store.open(path, create=False) as store:
            _remove_leftovers(path)
            fresh = stack.enter_context(_folder_beside(path)) / path.name
            store.execute("CHECKPOINT")
            before = _check_room(store)
            _copy(store, fresh)
            # Closed last of all: with any descriptor of a file a process gives up its locks on it, also DuckDB's.
            file = stack.enter_context(path.open("rb+", buffering=0))
            header = _header(file)
        _replace(path, file, fresh, header)
    return Compacted(before, path.stat().st_size)


@contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    """For the copy, and for nobody else to look into."""
    with TemporaryDirectory(prefix=_prefix(path), dir=path.parent, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _remove_leftovers(path: Path) -> None:
    """Of compactions that were killed; for whoever has the database. One at its end finds that it came too late."""
    for folder in path.parent.iterdir():
        if folder.name.startswith(_prefix(path)):
            shutil.rmtree(folder, ignore_errors=True)


def _prefix(path: Path) -> str:
    return f".{path.name}.compacting-"


def _check_room(store: Store) -> int:
    volume = measure(store)
    needed = int(volume.used * _SPARE)
    if volume.free is not None and volume.free < needed:
        raise StoreFull(
            f"a copy of {store.url} needs {needed / 1e6:,.1f} MB beside it, and {volume.free / 1e6:,.1f} MB are free",
            remedy="free some space, or remove more events with logpipe retain",
        )
    return volume.file


def _copy(store: Store, fresh: Path) -> None:
    [(name,)] = store.execute("SELECT current_database()")
    store.execute(f"ATTACH {literal(str(fresh))} AS {_COPY} (STORAGE_VERSION {literal(STORAGE)})")
    store.execute(f'COPY FROM DATABASE "{str(name).replace(chr(34), 2 * chr(34))}" TO {_COPY}')
    tables = store.execute("SELECT database_name <> current_database(), table_name FROM duckdb_tables()")
    copied = {table for is_copy, table in tables if is_copy}
    for table in (table for is_copy, table in tables if not is_copy):
        quoted = '"' + table.replace('"', '""') + '"'
        if table not in copied or store.execute(
            f"SELECT (SELECT count(*) FROM {quoted}) <> (SELECT count(*) FROM {_COPY}.{quoted})"
        ) != [(False,)]:
            raise StoreError(f"the copy of {store.url} is not whole", remedy="nothing was changed", reason="bad_copy")
    store.execute(f"CHECKPOINT {_COPY}")
    store.execute(f"DETACH {_COPY}")
    with fresh.open("rb") as file:
        os.fsync(file.fileno())


def _replace(path: Path, file: FileIO, fresh: Path, header: bytes) -> None:
    """Rename the copy, unless somebody else has used the database since it was closed. `file` stays locked."""
    _lock(path, file)
    is_same = os.path.samestat(os.fstat(file.fileno()), path.stat())
    if not is_same or _header(file) != header or Path(f"{path}.wal").exists() or not fresh.exists():
        raise StoreLocked(f"{path} was changed meanwhile; it stays as it is", remedy="run the command again")
    shutil.copymode(path, fresh)
    with suppress(PermissionError):
        status = path.stat()
        os.chown(fresh, status.st_uid, status.st_gid)
    os.replace(fresh, path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
    time.sleep(_LATE_OPENERS_S)


def _lock(path: Path, file: FileIO) -> None:
    """Take the lock by which DuckDB keeps others from a database."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise StoreLocked(f"another process has opened {path}", remedy="run the command again") from error


def _header(file: FileIO) -> bytes:
    return os.pread(file.fileno(), _HEADER_BYTES, 0)

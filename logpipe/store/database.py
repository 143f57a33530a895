"""Opening, migrating and writing the database."""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from hashlib import sha256
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Final, Literal, Self, cast

import duckdb

from logpipe.errors import StoreError, StoreLocked
from logpipe.store import engine, run_file
from logpipe.store.attached import attach
from logpipe.store.duckdb_errors import translated
from logpipe.store.run_file import RunFile
from logpipe.store.sharing import Sharing


def _sql_files(folder: str) -> list[Traversable]:
    files = (resources.files(__package__) / folder).iterdir()
    return sorted((file for file in files if file.name.endswith(".sql")), key=lambda file: file.name)


@cache
def _definitions() -> tuple[list[str], str]:
    """Macros and views, and a digest of them."""
    texts = [file.read_text() for file in (*_sql_files("macros"), *_sql_files("views"))]
    return texts, sha256("\0".join(texts).encode()).hexdigest()


SCHEMA_VERSION = len(_sql_files("schema"))
"""The schema version of this release; migration file N brings a database from version N-1 to N."""

STORAGE = "v1.3.0"
"""Of a file that is made: the first whose text compression costs a quarter less time, and is as small."""

ROW_GROUP: Final = 122_880
"""So many rows DuckDB compresses, and frees, together. A transaction of whole groups leaves no small one behind, which
would be copied together with its neighbours later."""

WAIT_S: Final = 5.0
"""How long to wait for a database that another process has and does not share, or not yet."""

TURN_S: Final = 60.0
"""How long to wait for another process that writes through the same owner: an analysis, most often, which ends."""

MOST_CACHE_BYTES: Final = 32 << 20
"""So much of the file DuckDB may keep in memory while it is loaded."""

_MAKING_S: Final = 1.0
"""How long to wait for an empty file to become a database: where DuckDB makes it in its place, another may come between
its making and its lock."""

_IN_MEMORY: Final = ":memory:"
_SHARE_AGAIN_AFTER_S: Final = 0.5
_POLL_S: Final = 0.05

_CACHED: Final = "SELECT sum(memory_usage_bytes)::BIGINT FROM duckdb_memory() WHERE tag = 'BASE_TABLE'"
_MEMORY_LIMIT: Final = "SELECT parse_formatted_bytes(current_setting('memory_limit'))::BIGINT"


Rows = duckdb.DuckDBPyConnection
"""DuckDB hands out rows through the connection itself."""


class Store:
    """A database of logs.

    Use `Store.open`; a store is a context manager. Sessions run in UTC. Values are always bound parameters.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, url: str, *, read_only: bool, attached: bool = False
    ) -> None:
        self.connection = connection
        self.url = url
        self.read_only = read_only
        self.attached = attached
        """Whether another process owns the database, and runs the statements."""
        self._sharing: Sharing | None = None
        self._memory_limit: int | None = None
        """The bytes that DuckDB was given, which it tells rounded down; None where that may have changed."""
        self._others_may: Literal["read", "write"] | None = None
        """What it was shared for, also while it is closed to be opened again."""

    @classmethod
    def open(
        cls,
        url: str | Path,
        *,
        read_only: bool = False,
        create: bool = True,
        through_owner: bool = False,
        beside: bool = False,
    ) -> Self:
        """Open the database at `url`, a path or `:memory:`; a missing file is made if `create`, and not `read_only`.

        Where another process owns and shares it, a store that only reads, or may write `through_owner`, is attached to
        that process: there is no file and no Arrow table of ours that its statements could read. One process at a time
        writes through an owner, and others wait for a minute; not who writes `beside` them, to rows of its own alone.

        Raises:
            StoreLocked: another process has it, and does not share it, not even after some seconds; or it shares it,
                and this store is to write on its own; or the one that writes through it takes too long.
            StoreError: the file is missing and not to be made, is not a database, is no store of ours, or was written
                by a newer release.
        """
        url = str(url)
        in_memory = url == _IN_MEMORY
        exists = not in_memory and Path(url).exists()
        if (read_only or not create) and not exists and not in_memory:
            raise StoreError(
                f"there is no database at {url}",
                remedy=f"make it with: logpipe ingest PATH --db {url}",
                reason="store_missing",
            )
        turn_s = None if beside else TURN_S
        connection, attached = _reach(url, read_only=read_only, alone=not (read_only or through_owner), turn_s=turn_s)
        store = cls(connection, url, read_only=read_only, attached=attached)
        try:
            store._bring_up_to_date()
        except BaseException:
            store.close()
            raise
        return store

    def execute(
        self, sql: str, parameters: Sequence[object] | dict[str, object] | None = None
    ) -> list[tuple[Any, ...]]:
        """Run one statement and return all its rows.

        Raises:
            StoreFull: the volume has no room left.
            StoreError: the statement was refused.
        """
        with translated(self.url):
            cursor = self.connection.execute(sql, parameters) if parameters else self.connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def rows(self, sql: str, parameters: Sequence[object] | dict[str, object] | None = None) -> Iterator[Rows]:
        """The rows of one statement, to be fetched within the block in whatever shape; nothing else is asked meanwhile.

        Raises:
            StoreError: the statement was refused, or could not be read to its end.
        """
        with translated(self.url):
            yield self.connection.execute(sql, parameters) if parameters else self.connection.execute(sql)

    @contextmanager
    def transaction(self, *, beside: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """One transaction: committed when the block ends, rolled back when it raises.

        `beside` others that are open: on a connection of its own, so that each may be on another thread.

        After StoreFull the handle may be dead (DuckDB invalidates it): open the store again and read the ledger.
        """
        with translated(self.url), ExitStack() as stack:
            connection = stack.enter_context(self.connection.cursor()) if beside else self.connection
            connection.begin()
            try:
                yield connection
            except BaseException:
                with suppress(duckdb.Error):  # a fatal error has ended the transaction, and the handle with it
                    connection.rollback()
                raise
            connection.commit()

    def for_threads(self) -> "Store":
        """The same database for several threads: each gets a connection, and temporary tables, of its own."""
        connection = cast("duckdb.DuckDBPyConnection", _PerThread(self.connection))
        return Store(connection, self.url, read_only=self.read_only, attached=self.attached)

    def reopen(self) -> None:
        """Open the same database again, after an error that made an end of the handle.

        Raises:
            StoreError: as `open`.
        """
        self.close()
        self.connection = _connect(self.url, read_only=self.read_only)
        self._memory_limit = None
        self._bring_up_to_date()
        if self._others_may is not None:  # not at once: whoever opens it again makes settings first
            self.share(writable=self._others_may == "write", after_s=_SHARE_AGAIN_AFTER_S)

    def share(self, *, writable: bool = True, after_s: float = 0.0) -> None:
        """Answer other processes of this user from now on, or in a while; from then on settings cannot be changed.

        A database in memory is of its process alone.

        Raises:
            StoreError: it cannot be shared; without `after_s` only.
        """
        if self.url == _IN_MEMORY:
            return
        self._others_may = "write" if writable else "read"
        self._sharing = Sharing(self.connection, self.url, writable=writable, after_s=after_s)
        self._memory_limit = None

    def drop_cache(self) -> None:
        """Give back the memory in which DuckDB keeps pages of the file, if it is much, and no client awaits an answer.

        DuckDB would keep them until its limit is reached, which leaves queries far more than loading should take; the
        operating system has the pages, too. Never raises: who writes next is told what is wrong with the store.
        """
        with suppress(StoreError):
            [(cached,)] = self.execute(_CACHED)
            if cached > MOST_CACHE_BYTES and not self._is_asked():
                self._give_back()

    def _is_asked(self) -> bool:
        """Whether a statement of a client runs, or its rows are not all fetched."""
        if self._sharing is None or not self._sharing.begun:
            return False
        return self.execute("SELECT count(*) FROM quack_active_connections() WHERE state = 'active'") != [(0,)]

    def _give_back(self) -> None:
        """All memory that DuckDB can do without.

        It gives back what it can for a lower limit before it refuses that, and the limit that holds stays as it was, so
        that nobody's statement fails. Only what the setting is told to be changes.
        """
        if self._memory_limit is None:
            [(self._memory_limit,)] = self.execute(_MEMORY_LIMIT)
        try:
            with suppress(StoreError):
                self.execute("SET memory_limit = '1B'")
        finally:
            self.execute(f"SET memory_limit = '{self._memory_limit}B'")

    def close(self) -> None:
        if self._sharing is not None:
            self._sharing.stop()
            self._sharing = None
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _bring_up_to_date(self) -> None:
        version = self._stored_version()
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.url} has schema version {version}, this release knows {SCHEMA_VERSION}",
                remedy="use the logpipe release that wrote it, or a newer one",
                reason="store_newer",
            )
        definitions, digest = _definitions()
        if version == SCHEMA_VERSION and self._meta("definitions") == digest:
            return
        if (self.read_only or self.attached) and not version:
            raise StoreError(
                f"{self.url} is empty, as a process leaves it that was ended while it made it",
                remedy=f"fill it with: logpipe ingest PATH --db {self.url}",
                reason="store_empty",
            )
        if self.read_only or self.attached:
            owned = "end the process that has it, then " if self.attached else ""
            raise StoreError(
                f"{self.url} was written by another release, whose tables or views are others",
                remedy=f"{owned}bring it up to date with: logpipe analyze --db {self.url}",
                reason="store_older",
            )
        with self.transaction() as connection:
            for migration in _sql_files("schema")[version:]:
                connection.execute(migration.read_text())
            for definition in definitions:
                connection.execute(definition)
            connection.execute("DELETE FROM meta WHERE key IN ('schema_version', 'definitions')")
            connection.execute(
                "INSERT INTO meta VALUES ('schema_version', ?), ('definitions', ?)", [str(SCHEMA_VERSION), digest]
            )

    def _meta(self, key: str) -> str | None:
        # All few are read: with a bound value DuckDB would load pandas, which takes longer than most commands do.
        value = dict(self.execute("SELECT key, value FROM meta")).get(key)
        return None if value is None else str(value)

    def _stored_version(self) -> int:
        """The version of the schema; 0 for an empty database, such as a process leaves that was killed making it."""
        [(tables, ours)] = self.execute(
            "SELECT count(*), count(*) FILTER (table_name IN ('meta', 'ledger')) FROM duckdb_tables()"
        )
        if tables == 0:
            return 0
        if ours != 2:
            raise StoreError(
                f"{self.url} is a DuckDB database, but not one of logpipe's",
                remedy="choose another file with --db",
                reason="store_foreign",
            )
        return int(self._meta("schema_version") or 0)


class _PerThread:
    """What is used of a DuckDB connection, by each thread on a cursor of its own."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._own = threading.local()

    def __getattr__(self, name: str) -> Any:
        if not hasattr(self._own, "cursor"):
            self._own.cursor = self._connection.cursor()
        return getattr(self._own.cursor, name)


def _reach(url: str, *, read_only: bool, alone: bool, turn_s: float | None) -> tuple[duckdb.DuckDBPyConnection, bool]:
    """A connection, and whether it leads to another process. The lock on the file says whether there is one."""
    _refuse_folder(url)
    if not (read_only or url == _IN_MEMORY):
        _make(url)
    begun = time.monotonic()
    while True:
        tried_at, held_nothing = time.monotonic(), _holds_nothing(url)
        try:
            connection = _connect(url, read_only=read_only)
        except StoreLocked:
            shared = None if alone else attach(url, read_only=read_only, turn_s=turn_s)
            if shared is not None:
                return shared, True
            if tried_at > begun + WAIT_S or (alone and RunFile.read(url) is not None):
                raise
            time.sleep(_POLL_S)
        except StoreError as error:
            if error.reason != "store_foreign" or not held_nothing:
                raise
            if tried_at > begun + _MAKING_S:
                raise StoreError(
                    f"{url} is empty, and so no DuckDB database",
                    remedy="delete it, or choose another file with --db",
                    reason="store_foreign",
                ) from error
            time.sleep(_POLL_S)
        else:
            if url != _IN_MEMORY:
                run_file.remove(url)  # nobody has the database but us, so its last owner was killed
            return connection, False


def _make(url: str) -> None:
    """A database where there is no file yet: whole, or not at all.

    A file that DuckDB makes in its place is empty at first. It stays so where the process is killed then, or where
    another that looks into it locks it sooner. Where a whole one cannot be put there, as on a volume without hard
    links, DuckDB makes it in its place after all.

    Raises:
        StoreError: DuckDB cannot make one.
    """
    path = Path(url)
    if os.path.lexists(path) or os.path.lexists(f"{path}.wal"):  # DuckDB follows a link, and removes a log left over
        return
    with suppress(OSError, ValueError), TemporaryDirectory(prefix=".logpipe-", dir=path.parent) as folder:
        whole = Path(folder) / path.name
        with translated(url):
            engine.connect(f"duckdb:{whole}", storage_compatibility_version=STORAGE).close()
        os.link(whole, path)  # never over one that another process has put there meanwhile


def _connect(url: str, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    # As DuckDB's own, whatever it is: to look into the file before would drop the locks of a store that has it open in
    # this process, and for one of SQLite's the engine would load an extension.
    with translated(url):
        connection = engine.connect(
            url if url == _IN_MEMORY else f"duckdb:{url}",
            read_only=read_only,
            storage_compatibility_version=STORAGE,
            autoinstall_known_extensions=False,
        )
        connection.execute("SET GLOBAL TimeZone = 'UTC'")  # for cursors, and the sessions of clients, too
        return connection


def _holds_nothing(url: str) -> bool:
    try:
        return Path(url).stat().st_size == 0
    except (OSError, ValueError):  # it is not there, or its name is none: DuckDB says so
        return True


def _refuse_folder(url: str) -> None:
    if Path(url).is_dir():
        raise StoreError(f"{url} is a folder", remedy="name a file in it with --db", reason="store_unreadable")

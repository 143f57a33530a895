"""A database that another process owns, used through that process."""

import fcntl
import logging
import os
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from itertools import count
from typing import Any, Final, cast

import duckdb

from logpipe.errors import StoreLocked
from logpipe.store import engine, quack, run_file
from logpipe.store.literals import filled_in, literal
from logpipe.store.run_file import RunFile
from logpipe.store.sharing import marker

_NAMES = count()
_POLL_S: Final = 0.05
_SAID_AFTER_S: Final = 2.0
_WRAPPING: Final = re.compile(r"\n+LINE \d+: FROM owner_\d+\.query\(.*", re.DOTALL)
_CLASS: Final = re.compile(r"\A(?:Invalid Input Error: )+")

_log = logging.getLogger(__name__)


def attach(database: str, *, read_only: bool, turn_s: float | None) -> duckdb.DuckDBPyConnection | None:
    """A connection to the process that owns a database; None where there is none that answers, or that lets us write.

    Who writes waits `turn_s` seconds for a turn, or takes none.

    Raises:
        StoreLocked: it is a process of another host; or a third process went on writing through the owner for so long.
        StoreError: Quack is not installed.
    """
    owner = RunFile.read(database)
    if owner is None:
        return None
    if not owner.is_of_this_host:
        raise StoreLocked(
            f"{database} is in use by process {owner.pid} on {owner.host}",
            remedy="run the command there, or end that process",
        )
    uri, token = (owner.uri, owner.token) if read_only else (owner.writer_uri, owner.writer_token)
    if uri is None or token is None:
        return None
    with ExitStack() as undo:
        turn = None
        if not read_only and turn_s is not None:
            turn = _take_turn(database, turn_s)
            if turn is None:
                return None
            undo.callback(os.close, turn)
        local = undo.enter_context(_client(os.getpid()).cursor())
        try:
            connection = AttachedConnection(local, uri, token, turn)
        except duckdb.Error:  # not told: its text may hold the token
            return None
        undo.pop_all()
    return cast("duckdb.DuckDBPyConnection", connection)


class AttachedConnection:
    """What is used of a DuckDB connection, its statements run by the owner of the database: names, views, macros and
    temporary tables mean what they mean there. The rows are read through a connection of our own.

    Ctrl-C does not end a statement that the owner computes; it ends the wait for it.
    """

    def __init__(self, local: duckdb.DuckDBPyConnection, uri: str, token: str, turn: int | None = None) -> None:
        """`turn` is the descriptor of a lock that is held as long as this writes.

        Raises:
            duckdb.Error: nobody answers, or not with this token.
        """
        self._local = local
        self._uri, self._token, self._turn = uri, token, turn
        self._name = f"owner_{next(_NAMES)}"
        local.execute(f"ATTACH {literal(uri)} AS {self._name} (TYPE quack, TOKEN {literal(token)})")

    def execute(
        self,
        statement: str | duckdb.Statement,
        parameters: Sequence[object] | Mapping[str, object] | None = None,
    ) -> duckdb.DuckDBPyConnection:
        """Run one statement, or all of several; the rows of the last are read from what this returns."""
        *before, last = [statement] if isinstance(statement, duckdb.Statement) else duckdb.extract_statements(statement)
        for each in before:
            self._send(each.query)
        return self._send(filled_in(last.query, parameters))

    def _send(self, sql: str) -> duckdb.DuckDBPyConnection:
        marked = f"{sql}\n{marker()}"
        try:
            return self._local.execute(f"FROM {self._name}.query({literal(marked)})")
        except duckdb.Error as error:
            raise type(error)(own_words(str(error))) from None

    def begin(self) -> None:
        self.execute("BEGIN TRANSACTION")

    def commit(self) -> None:
        self.execute("COMMIT")

    def rollback(self) -> None:
        self.execute("ROLLBACK")

    def cursor(self) -> "AttachedConnection":
        """A second connection, with a transaction and temporary tables of its own."""
        return AttachedConnection(self._local.cursor(), self._uri, self._token)

    def close(self) -> None:
        with suppress(duckdb.Error):  # the owner may have ended
            self._local.execute(f"DETACH {self._name}")
        self._local.close()
        if self._turn is not None:
            os.close(self._turn)
            self._turn = None

    def __getattr__(self, name: str) -> Any:
        """What reads the rows of the last statement."""
        return getattr(self._local, name)


@cache
def _client(_process: int) -> duckdb.DuckDBPyConnection:
    """The engine by which this process speaks to owners.

    To load the extension takes a hundred times as long as to ask something, so it stays. A process that was forked
    needs its own, and keeps its parent's, unused: to close an engine waits for its threads, which were not forked.

    Raises:
        StoreError: Quack is not installed.
    """
    connection = engine.connect(autoinstall_known_extensions=False)
    quack.load(connection)
    connection.execute("SET GLOBAL TimeZone = 'UTC'")  # for cursors, too
    return connection


def own_words(message: str) -> str:
    """An error of the owner without what the way through it added."""
    return _CLASS.sub("", _WRAPPING.sub("", message))


def _take_turn(database: str, patience_s: float) -> int | None:
    """Lock the run file: one process at a time writes through the owner. The system lets it go with its process.

    None where the owner has ended since.
    """
    try:
        descriptor = os.open(run_file.path_of(database), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    begun = time.monotonic()
    said = False
    while not _locked(descriptor):
        waited_s = time.monotonic() - begun
        if waited_s > patience_s:
            os.close(descriptor)
            raise StoreLocked(
                f"another process is writing to {database}, through its owner", remedy="run the command again"
            )
        if not said and waited_s > _SAID_AFTER_S:
            said = True
            _log.warning("another process is writing to %s, through its owner: waiting for it", database)
        time.sleep(_POLL_S)
    return descriptor


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

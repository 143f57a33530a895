"""Sharing a database: the process that has it answers the statements of others, through Quack, on this machine alone.

A client that reads is given SELECT and no more; `authorization.sql` is the rule. For all clients and for the owner
itself the file system is out of reach and the settings are locked from the moment of sharing.
"""

import logging
import os
import socket
import threading
from contextlib import closing, suppress
from importlib import resources
from pathlib import Path
from typing import Final

import duckdb

from logpipe.errors import StoreError
from logpipe.store import quack, run_file
from logpipe.store.literals import literal
from logpipe.store.run_file import RunFile

SWEEP_S: Final = 2.0
"""How often to look for sessions whose client has died."""

IDLE_S: Final = 3600
"""A session whose last statement began longer ago than this is ended, whoever its client is."""

MEMORY_SHARE: Final = 0.5
"""Of the memory that DuckDB would allow itself, for the owner and all clients together: a query that needs more goes to
disk or fails, long before the machine would have to end the owner."""

log = logging.getLogger(__name__)

_ATTEMPTS: Final = 5
_CATALOG: Final = '"/sharing"'
"""Where the rule is. A database is called what its file is, and so has no slash in its name."""
_READING_FUNCTIONS: Final = (
    *("range", "generate_series", "unnest", "repeat", "repeat_row", "summary", "query_table"),
    *("json_each", "json_tree", "pg_timezone_names", "icu_calendar_names"),
    *("duckdb_columns", "duckdb_constraints", "duckdb_databases", "duckdb_functions", "duckdb_indexes"),
    *("duckdb_keywords", "duckdb_memory", "duckdb_schemas", "duckdb_sequences", "duckdb_settings", "duckdb_tables"),
    *("duckdb_temporary_files", "duckdb_types", "duckdb_variables", "duckdb_views"),
    *("pragma_database_size", "pragma_show", "pragma_storage_info", "pragma_table_info", "pragma_version"),
)
_WITHHELD: Final = """
SELECT list(DISTINCT function_name ORDER BY function_name)
FROM duckdb_functions()
WHERE function_type IN ('table', 'pragma') AND NOT list_contains(?, function_name)
    OR function_name IN ('nextval', 'write_log')
"""
_MEMORY: Final = "SELECT (parse_formatted_bytes(current_setting('memory_limit')) * ?)::BIGINT"
_SESSIONS: Final = """
SELECT server_id, connection_id, regexp_extract(query, '-- logpipe (\\d+ \\d+)$', 1),
    epoch(now()) - epoch(query_started_at) > ?
FROM quack_active_connections()
"""


def marker() -> str:
    """What a client of ours ends its statements with, so that the owner knows when it has died."""
    return f"-- logpipe {os.getpid()} {_started(os.getpid())}"


class Sharing:
    """A database that is shared until `stop`.

    `writable` lets other processes write too. With `after_s` it begins only then, so that short commands need not pay
    for it; where it cannot begin for want of room or ports, it tries again.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, database: str, *, writable: bool = True, after_s: float = 0.0
    ) -> None:
        """
        Raises:
            StoreError: it cannot be shared; without `after_s` only.
        """
        self._connection = connection.cursor()
        self._database = database
        self.writable = writable
        self._stopped = threading.Event()
        self._served: RunFile | None = None
        self._loaded = False
        self._told: str | None = None
        self._limit_memory()
        if not after_s:
            self._served = self._begin()
        self._thread = threading.Thread(target=self._run, args=(after_s,), name="logpipe-sharing", daemon=True)
        self._thread.start()

    @property
    def begun(self) -> bool:
        """Whether there may be clients by now."""
        return self._served is not None

    def stop(self) -> None:
        """End it: clients that still ask get an error."""
        self._stopped.set()
        self._thread.join()
        if self._served is not None:
            run_file.remove(self._database)
            self._withdraw(self._served)
        self._connection.close()

    def _limit_memory(self) -> None:
        if not self._is_locked():
            [(limit,)] = self._connection.execute(_MEMORY, [MEMORY_SHARE]).fetchall()
            self._connection.execute(f"SET GLOBAL memory_limit = '{limit}B'")

    def _is_locked(self) -> bool:
        [(locked,)] = self._connection.execute("SELECT current_setting('lock_configuration')").fetchall()
        return bool(locked)

    def _run(self, after_s: float) -> None:
        wait = after_s or SWEEP_S
        while not self._stopped.wait(wait):
            wait = SWEEP_S
            try:
                if self._served is None:
                    self._served = self._begin()
                else:
                    self._end_dead_sessions()
            except StoreError as error:
                self._tell(error)
            except duckdb.Error:
                return  # the database is closed, or has failed, of which whoever writes to it is told

    def _tell(self, error: StoreError) -> None:
        """Once, for as long as it stays the same."""
        if self._told != error.message:
            log.warning("%s", error, extra={"event": error.reason})
            self._told = error.message

    def _begin(self) -> RunFile:
        if not self._loaded:  # once the settings are locked, loading is refused
            quack.load(self._connection)
            self._loaded = True
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                served = RunFile.of_this_process(*_free_ports(2 if self.writable else 1))
                self._publish(served)
            except (duckdb.Error, OSError) as error:  # as when somebody else was given the port in between
                if attempt == _ATTEMPTS:
                    raise StoreError(f"{self._database} cannot be shared: {error}", reason="not_shared") from error
            else:
                return served
        raise AssertionError("there is an attempt at least")

    def _publish(self, served: RunFile) -> None:
        """Serve, and say where; both or neither."""
        try:
            self._serve(served)
            served.write(self._database)
        except BaseException:
            self._withdraw(served)
            raise

    def _serve(self, served: RunFile) -> None:
        self._seal(served)
        for uri, token in served.entries:
            self._connection.execute(f"CALL quack_serve({literal(uri)}, token = {literal(token)})")

    def _withdraw(self, served: RunFile) -> None:
        for uri, _ in served.entries:
            with suppress(duckdb.Error):  # it was not served, or the database has failed, of which its writer was told
                self._connection.execute(f"CALL quack_stop({literal(uri)})")

    def _seal(self, served: RunFile) -> None:
        connection = self._connection
        connection.execute(f"ATTACH IF NOT EXISTS ':memory:' AS {_CATALOG}")
        connection.execute(_rule(connection, served))
        if self._is_locked():
            return
        for setting in (
            f"quack_authorization_function = '{_CATALOG}.main.authorized'",
            "python_enable_replacements = false",
            "enable_external_access = false",
            "allowed_configs = ['memory_limit']",  # for `Store.drop_cache`; who reads cannot set anything
            "lock_configuration = true",
        ):
            connection.execute(f"SET GLOBAL {setting}")

    def _end_dead_sessions(self) -> None:
        for uri, session, client, idle in self._connection.execute(_SESSIONS, [IDLE_S]).fetchall():
            pid, _, started = client.partition(" ")
            if idle or (pid and _started(int(pid)) != started):
                quack.end_session(uri, session)


def _rule(connection: duckdb.DuckDBPyConnection, served: RunFile) -> str:
    [(withheld,)] = connection.execute(_WITHHELD, [list(_READING_FUNCTIONS)]).fetchall()
    text = (resources.files(__package__) / "authorization.sql").read_text()
    text = text.replace("{catalog}", _CATALOG)
    return text.replace("{writer}", literal(served.writer_uri or "")).replace("{withheld}", str(withheld))


def _free_ports(count: int) -> list[int]:
    """Ports that nobody uses now. Quack cannot choose one by itself."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = []
    for one in sockets:
        with closing(one):
            ports.append(int(one.getsockname()[1]))
    return ports


def _started(pid: int) -> str:
    """When a process was started, so that a later one of the same number is not taken for it; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""

"""A real PostgreSQL with a replica and its exporter, a session that waits for a lock, and a little traffic."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg

from real_shop.programs import DEBIAN_POSTGRESQL
from real_shop.server import Server, groups_of
from tests.deploy.debian import program
from tests.deploy.exporter import exporting
from tests.deploy.servers import until

QUERIES = Path(__file__).parent / "postgres_exporter.yml"
ACCOUNT = "postgres" if os.geteuid() == 0 else None
"""PostgreSQL refuses to run as root."""
PORT = 5432
SETTINGS = {"listen_addresses": "", "fsync": "off", "shared_buffers": "4MB", "max_connections": "20"}
_WORK = """
DO $$ BEGIN
  FOR number IN 1..1000 LOOP
    INSERT INTO orders (total) VALUES (number);
    IF number % 5 = 0 THEN ROLLBACK; ELSE COMMIT; END IF;
  END LOOP;
END $$
"""


@contextmanager
def running() -> Iterator[str]:
    """A server and a replica of it; gives the folder of its socket, which is the host for clients."""
    # Not below pytest's own folder, which nobody but the one who runs the tests may enter.
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    primary, replica = str(folder / "primary"), str(folder / "replica")
    try:
        if ACCOUNT is not None:
            shutil.chown(folder, ACCOUNT)
        _as_account("initdb", "-D", primary, "-U", "postgres", "-A", "trust", "--locale=C", "-N")
        with _serving(primary, folder, PORT):
            _as_account("pg_basebackup", "-h", str(folder), "-U", "postgres", "-D", replica, "-R", "-N", "-c", "fast")
            with _serving(replica, folder, PORT + 1):
                yield str(folder)
    finally:
        shutil.rmtree(folder)


@contextmanager
def _serving(data: str, folder: Path, port: int) -> Iterator[None]:
    """Nobody listens at the port: it is part of the name of the socket."""
    settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
    command = [_debian("postgres"), "-D", data, "-k", str(folder), "-p", str(port), *settings]
    log, ready = folder / f"{port}.log", partial(_lets_in, str(folder), port)
    server = Server("PostgreSQL", command, folder, log, ready, signal.SIGINT, account=ACCOUNT)
    server.start()
    try:
        yield
    finally:
        server.stop()


@contextmanager
def exported(host: str, folder: Path) -> Iterator[str]:
    """postgres_exporter for the server; gives its address."""
    source = f"host={host} user=postgres dbname=postgres sslmode=disable"
    with exporting("postgres", folder, f"--extend.query-path={QUERIES}", DATA_SOURCE_NAME=source) as address:
        yield address


@contextmanager
def waiting(host: str) -> Iterator[None]:
    """A table `orders`, and a session that waits for another's lock on `held` for as long as this lasts."""
    with connected(host) as holder, connected(host) as waiter, connected(host) as other:
        other.execute("CREATE TABLE held (); CREATE TABLE orders (id serial PRIMARY KEY, total int)")
        holder.execute("BEGIN; LOCK TABLE held")
        waiter.pgconn.send_query(b"SELECT FROM held")
        there = "SELECT (SELECT count(*) FROM pg_locks WHERE NOT granted), (SELECT count(*) FROM pg_stat_replication)"
        until(lambda: other.execute(there).fetchone() == (1, 1), lambda: other.execute(there).fetchone())
        try:
            yield
        finally:
            waiter.pgconn.finish()


def work(host: str) -> None:
    """A thousand transactions, a fifth of which are rolled back; the server counts them when the session ends."""
    with connected(host) as session:
        session.execute(_WORK)


def connected(host: str, port: int = PORT) -> psycopg.Connection:
    """A session as the administrator."""
    return psycopg.connect(host=host, port=port, user="postgres", dbname="postgres", autocommit=True)


def _lets_in(host: str, port: int) -> bool:
    try:
        connected(host, port).close()
    except psycopg.OperationalError:
        return False
    return True


def _debian(name: str) -> str:
    """A program that Debian keeps out of PATH, of the newest version."""
    found = sorted(DEBIAN_POSTGRESQL.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    return str(found[-1]) if found else program(name, "postgresql")


def _as_account(name: str, *arguments: str) -> None:
    group, others = groups_of(ACCOUNT)
    command = [_debian(name), *arguments]
    done = subprocess.run(
        command, cwd="/", user=ACCOUNT, group=group, extra_groups=others, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

"""The three faults, each for as long as its `with` block lasts, and the truth about them.

A block that is left by an exception repairs nothing: then everything is stopped anyway.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

import psycopg

from real_shop.server import Server

FaultKind = Literal["locked_table", "dropped_index", "stopped_server"]


@dataclass(frozen=True, slots=True)
class Truth:
    """What was done to which server, and when (UTC)."""

    kind: FaultKind
    service: str
    """The server that was meddled with, whose own log should tell it."""
    subject: str
    started_at: datetime
    ended_at: datetime
    sentence: str

    def as_json(self) -> dict[str, str]:
        """With times as RFC 3339."""
        return {
            key: value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
            for key, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that can be done to a server."""

    kind: FaultKind
    service: str
    subject: str
    sentence: str
    inject: Callable[[], AbstractContextManager[None]]
    """The fault lasts as long as the context."""

    def truth(self, started_at: datetime, ended_at: datetime) -> Truth:
        """The fault, now that it has been."""
        return Truth(self.kind, self.service, self.subject, started_at, ended_at, self.sentence)


def faults(database_url: str, redis: Server) -> dict[FaultKind, Fault]:
    """The three; the URL is the administrator's."""
    three = (
        Fault(
            "locked_table",
            "postgresql",
            "products",
            "A session held an ACCESS EXCLUSIVE lock on the table products.",
            lambda: _locked_table(database_url, "products"),
        ),
        Fault(
            "dropped_index",
            "postgresql",
            "orders_customer_id_idx",
            "The index on orders (customer_id) was dropped, and built again at the end.",
            lambda: _dropped_index(database_url, "orders_customer_id_idx"),
        ),
        Fault(
            "stopped_server",
            "redis",
            "redis",
            "Redis was shut down, and started again at the end.",
            lambda: _stopped_server(redis),
        ),
    )
    return {fault.kind: fault for fault in three}


@contextmanager
def _locked_table(database_url: str, table: str) -> Iterator[None]:
    """A session that does not end its transaction: nobody else reads or writes the table."""
    with psycopg.connect(database_url) as connection:
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        yield
        connection.rollback()


@contextmanager
def _dropped_index(database_url: str, index: str) -> Iterator[None]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        row = connection.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", (index,)).fetchone()
        if row is None:
            raise LookupError(f"the index {index} does not exist")
        connection.execute(f"DROP INDEX {index}".encode())
        yield
        connection.execute(row[0].replace("INDEX", "INDEX CONCURRENTLY", 1).encode())  # does not keep orders waiting


@contextmanager
def _stopped_server(server: Server) -> Iterator[None]:
    server.stop()
    yield
    server.start()

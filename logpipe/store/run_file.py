"""The run file beside a database: who owns it, and how to reach that process.

It is advice, never the truth: the lock on the database file says whether it is owned, and the system takes that lock
away from a process that dies. A run file beside a database that is not locked is left over, and is removed.
"""

import json
import os
import platform
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class RunFile:
    """What a process that shares its database tells the others of the same user."""

    host: str
    pid: int
    uri: str
    """Where it answers statements that read, as `quack:127.0.0.1:PORT`."""
    token: str = field(repr=False)
    writer_uri: str | None = None
    """Where it runs any statement on the database; None where no other process may write."""
    writer_token: str | None = field(default=None, repr=False)

    @classmethod
    def of_this_process(cls, *ports: int) -> Self:
        """For a port that reads and, if there is a second one, a port that writes; with new random tokens."""
        entries = [(f"quack:127.0.0.1:{port}", secrets.token_urlsafe(32)) for port in ports]
        return cls(platform.node(), os.getpid(), *(value for entry in entries for value in entry))

    @classmethod
    def read(cls, database: str) -> Self | None:
        """The run file beside a database; None where there is none, or one that another user wrote."""
        path = path_of(database)
        try:
            with path.open() as file:
                ours = os.fstat(file.fileno()).st_uid in (os.geteuid(), 0)
                return cls(**json.load(file)) if ours else None
        except (OSError, ValueError, TypeError):
            return None

    @property
    def entries(self) -> list[tuple[str, str]]:
        """The addresses with their tokens."""
        both = ((self.uri, self.token), (self.writer_uri, self.writer_token))
        return [(uri, token) for uri, token in both if uri and token]

    @property
    def is_of_this_host(self) -> bool:
        return self.host == platform.node()

    def write(self, database: str) -> None:
        """Put it beside the database, whole or not at all, for this user alone; raises OSError where it cannot be."""
        path = path_of(database)
        fresh = path.with_name(f"{path.name}.{self.pid}")
        fresh.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump(asdict(self), file)
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)


def path_of(database: str) -> Path:
    """The same for every name of one file."""
    whole = Path(database).resolve()
    return whole.with_name(f"{whole.name}.run")


def remove(database: str) -> None:
    """For whoever has the database, so that nobody looks for its last owner."""
    with suppress(OSError):
        path_of(database).unlink()

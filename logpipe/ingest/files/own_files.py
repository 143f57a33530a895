"""The files that an ingest itself writes: taken for logs, they would feed it with itself."""

import os
from collections.abc import Iterable
from contextlib import suppress

from logpipe.ingest.files.discovery import LogFile, family_of
from logpipe.store import run_file


def log_of(database: str) -> str:
    """Where an ingest that follows writes its own log, if not told otherwise."""
    return f"{database}.ingest.log"


class OwnFiles:
    """The database, what stands beside it, and the ingest's own log with all that it was rotated to."""

    def __init__(self, database: str, log: str | None = None) -> None:
        in_memory = database == ":memory:"
        self._logs = [path for path in (log, None if in_memory else log_of(database)) if path is not None]
        self._database = [] if in_memory else [database, f"{database}.wal", str(run_file.path_of(database))]
        self._spill = os.path.join(os.path.abspath(f"{database}.tmp"), "")
        self._families = {family_of(way(path)) for path in self._logs for way in (os.path.abspath, os.path.realpath)}

    def among(self, files: Iterable[LogFile]) -> list[LogFile]:
        """Those of the files that are our own."""
        identities = {identity for path in (*self._database, *self._logs) if (identity := _identity(path))}
        return [
            file
            for file in files
            if file.identity in identities or file.family in self._families or file.path.startswith(self._spill)
        ]


def _identity(path: str) -> tuple[int, int] | None:
    with suppress(OSError):
        status = os.stat(path)
        return status.st_dev, status.st_ino
    return None

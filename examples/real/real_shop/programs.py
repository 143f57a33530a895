"""The servers' programs, as Debian's packages install them."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from logpipe.errors import LogpipeError


class ServerError(LogpipeError):
    """A server is missing, does not start, or has ended before its time."""

    reason = "server"


@dataclass(frozen=True, slots=True)
class Programs:
    """Where the programs are."""

    nginx: Path
    redis_server: Path
    initdb: Path
    postgres: Path


DEBIAN_POSTGRESQL = Path("/usr/lib/postgresql")
SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin")
"""Where servers are, though an ordinary user's PATH may not say so."""


def find_programs(path: str | None = None, debian_postgresql: Path = DEBIAN_POSTGRESQL) -> Programs:
    """Look along `path` (default: PATH and the system's folders); ServerError names the packages that are missing."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *SYSTEM_FOLDERS)) if path is None else path
    # Debian keeps PostgreSQL's programs out of PATH, one folder a major version.
    versions = sorted(debian_postgresql.glob("*/bin"), key=lambda folder: _version(folder.parent.name), reverse=True)
    postgresql_path = os.pathsep.join((*map(str, versions), path))
    found = {
        "nginx": shutil.which("nginx", path=path),
        "redis-server": shutil.which("redis-server", path=path),
        "initdb": shutil.which("initdb", path=postgresql_path),
        "postgres": shutil.which("postgres", path=postgresql_path),
    }
    packages = {"nginx": "nginx", "redis-server": "redis-server", "initdb": "postgresql", "postgres": "postgresql"}
    if missing := sorted({packages[program] for program, where in found.items() if where is None}):
        raise ServerError(
            f"this demonstration runs real servers, and these Debian packages are missing: {', '.join(missing)}",
            remedy=f"install them with: apt-get install {' '.join(missing)}",
        )
    nginx, redis_server, initdb, postgres = (Path(where) for where in found.values() if where is not None)
    return Programs(nginx, redis_server, initdb, postgres)


def _version(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.split(".") if part.isdigit())

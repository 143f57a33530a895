"""Who has a target: one process at a time, since two that ship to it would send the same.

A lock on a file beside the database says so, which the system lets go with its process. What stands in the file is for
whoever is refused.
"""

import fcntl
import json
import logging
import os
import platform
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from logpipe.errors import ReceiverError

_IN_MEMORY: Final = ":memory:"
_FLAGS: Final = os.O_CLOEXEC | os.O_NOFOLLOW
_OF_NOBODY_ELSE: Final = 0o600

_log = logging.getLogger("logpipe.ship")


class Held(ReceiverError):  # noqa: N818 - a state
    """Another process ships to the target, or forgets it."""

    reason = "target_held"


@dataclass(frozen=True, slots=True)
class _Holder:
    target: str
    host: str
    pid: int
    command: str

    def __str__(self) -> str:
        elsewhere = "" if self.host == platform.node() else f" on {self.host}"
        return f"process {self.pid}{elsewhere} ({self.command})"


@contextmanager
def holding(database: str, targets: Collection[str], command: str, *, remedy: str) -> Iterator[None]:
    """No other process has one of these targets of a database while the block runs.

    `command` is what the others are told of this process, so it holds no secret; `remedy` is what this one is told.

    Raises:
        Held: another one has.
    """
    with ExitStack() as held:
        # By name: of two that want the same in other orders, one gets all.
        for target in () if database == _IN_MEMORY else sorted(targets):
            held.enter_context(_holding(database, target, command, remedy))
        yield


@contextmanager
def _holding(database: str, target: str, command: str, remedy: str) -> Iterator[None]:
    path = _path(database, target)
    try:
        descriptor = _locked(path, _mode(database))
    except BlockingIOError as error:
        raise Held(f"{target} is in use by {_holder(path)}", remedy=remedy) from error
    except FileNotFoundError:  # no folder, so no database: the store says so
        yield
        return
    except OSError as error:
        said = (error.strerror or str(error)).lower()
        _log.warning("nothing keeps another process from shipping to %s, too (%s: %s)", target, path, said)
        yield
        return
    try:
        with suppress(OSError):  # on a full volume, say: the lock holds all the same
            os.truncate(descriptor, 0)
            os.write(descriptor, json.dumps(asdict(_Holder(target, platform.node(), os.getpid(), command))).encode())
        yield
    finally:
        with suppress(OSError):
            if _is_at(descriptor, path):  # else somebody removed it, and it may be the lock of another process by now
                path.unlink()
        os.close(descriptor)


def _path(database: str, target: str) -> Path:
    """The same for every name of one database; a target may have characters that no name of a file has."""
    whole = Path(os.path.realpath(database))
    return whole.with_name(f"{whole.name}.ship-{sha256(target.encode()).hexdigest()[:16]}.lock")


def _mode(database: str) -> int:
    """As the database's: whoever may open that may see whose its targets are."""
    try:
        return os.stat(database).st_mode & 0o666
    except OSError:
        return _OF_NOBODY_ELSE


def _locked(path: Path, mode: int) -> int:
    """The descriptor of a lock on the file that is at `path`.

    Raises:
        BlockingIOError: another process has it.
        OSError: there can be none.
    """
    while True:
        descriptor = _opened(path, mode)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(descriptor, path):
                return descriptor
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)  # who had it removed it, between our two steps


def _opened(path: Path, mode: int) -> int:
    """For writing, or as the file of another account, which can be locked all the same."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | _FLAGS, mode)
    except PermissionError as error:
        try:
            return os.open(path, os.O_RDONLY | _FLAGS)
        except FileNotFoundError:
            raise error from None


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _holder(path: Path) -> str:
    """As far as the file says who it is."""
    try:
        return str(_Holder(**json.loads(path.read_text())))
    except (OSError, ValueError, TypeError):
        return "another process"

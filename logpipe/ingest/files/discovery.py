"""From what the user names - files, folders, globs - to the files that are read, and their rotation families."""

import glob
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import PurePath

from logpipe.errors import InputError

_SUFFIXES = re.compile(r"\.(?:gz|zst|bz2|xz)$")
# .1 .2 or a date with an optional time, wherever it stands: app.log.1, app.log-20260312, app.2026-03-12T00.jsonl
_ROTATION = re.compile(r"[._-](?:\d{1,3}(?=\.|$)|\d{4}-?\d\d-?\d\d(?:[T._-]?\d[\d._-]*)?Z?(?:[.-]\d+)*(?=\.|$))")
_DATE_DIGITS = 8
_CONTENT_NAMES = frozenset(
    (
        *("access", "app", "business", "current", "error", "errors", "log", "logs"),
        *("main", "messages", "output", "performance", "server", "stderr", "stdout"),
    )
)
_NOT_UTF8 = re.compile("[\ud800-\udfff]")
_EARLIEST_NS, _LATEST_NS = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 10**9 for year in (1900, 2200))
"""Dates between which times can be inferred, some years earlier or later too, and told in nanoseconds."""
_NEVER_LOGS = re.compile(r"\.(?:duckdb|wal|lock|db|sqlite3?|parquet|png|jpe?g|gif|pdf|zip|tar|so|pyc)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file to read, as it was when it was found."""

    path: str
    family: str
    """Folder and name without rotation and compression suffixes: the files that one log rotates through."""
    device: int
    inode: int
    size: int
    modified_ns: int
    named: bool = True
    """False for a file that nobody asked for: one that a named file may have been rotated to."""
    found: bool = False
    """Whether it was asked for by a folder or a pattern, which may hold other files than logs."""
    away: bool = False
    """Whether none of its names is found any more, and only a descriptor that was kept leads to it."""

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode: the same file, for as long as somebody has it open."""
        return self.device, self.inode


def find(paths: Iterable[str]) -> tuple[list[LogFile], list[InputError]]:
    """The regular files behind paths, folders (all levels) and globs; each file once, whatever its names.

    A path that cannot be read is an error in the second list; the others go on.
    """
    files: dict[tuple[int, int], LogFile] = {}
    errors: list[InputError] = []
    families = cache(_families)
    for path in paths:
        try:
            names = _expand(path, errors, families)
        except InputError as error:
            errors.append(error)
            continue
        by_itself = os.path.lexists(path) and not os.path.isdir(path)
        for name, named in names:
            try:
                file = _examine(name, named=named, found=not by_itself)
            except InputError as error:
                errors.append(error)
                continue
            if file is not None:
                known = files.get(file.identity)
                files[file.identity] = file if known is None else _one_of(known, file)
    return list(files.values()), errors


def _one_of(known: LogFile, again: LogFile) -> LogFile:
    """The file by the better of two names: the same one whenever both are found, and while links are led elsewhere."""
    named, found = known.named or again.named, known.found and again.found
    better = min(known, again, key=lambda file: _links(file.path)) if known.path != again.path else known
    return better if (better.named, better.found) == (named, found) else replace(better, named=named, found=found)


def _links(path: str) -> int:
    """How many symbolic links there are in a path; several of a folder may have those above it in common."""
    return sum(map(os.path.islink, [path, *map(str, PurePath(path).parents)]))


@lru_cache(maxsize=1 << 17)
def family_of(path: str) -> str:
    """The rotation family of a path: `logs/app.log.2.gz` and `logs/app.log-20260312` belong to `logs/app.log`."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(folder, _ROTATION.sub("", _SUFFIXES.sub("", name)) or name)


def date_in(path: str) -> str:
    """The digits of the date, and time, in a file's name, of which later ones are greater; empty without one."""
    dates = (re.sub(r"\D", "", found) for found in _ROTATION.findall(os.path.basename(path)))
    return max((date for date in dates if len(date) >= _DATE_DIGITS), default="")


def service_of(path: str) -> str:
    """The service that a file's place suggests, for records that name none.

    The family's name up to the first dot; where that says only what is in the file, as in `nginx/access.log`, the
    folder's name.
    """
    folder, name = os.path.split(family_of(path))
    stem = name.split(".", 1)[0]
    if stem.lower() in _CONTENT_NAMES:
        return os.path.basename(folder) or stem
    return stem or name


_Families = Callable[[str], dict[str, list[str]]]
"""The files in a folder by their families; each family is taken out when it is first asked for."""


def _expand(path: str, errors: list[InputError], families: _Families) -> list[tuple[str, bool]]:
    """The names behind a path, and whether each was asked for."""
    if os.path.isdir(path):
        names = sorted(_walk(path, errors))
        if not names:
            raise InputError(f"{path} holds no log file", remedy="name a folder with logs", reason="empty_folder")
        return [(name, True) for name in names]
    if os.path.lexists(path):
        if not os.path.exists(path):
            raise InputError(f"{path} is a link to a missing file", remedy="mend the link", reason="missing")
        refuse_what_is_no_file(path, "ingest -")
        return [(path, True), *((name, False) for name in _rotated(path, families))]
    if glob.has_magic(path):
        matches = sorted(name for name in glob.glob(path, recursive=True) if os.path.isfile(name))
        if not matches:
            raise InputError(f"no file matches {path}", remedy="check the pattern, in quotes", reason="missing")
        return [(name, True) for name in matches]
    missing = InputError(f"{path} does not exist", remedy="check the name", reason="missing")
    rotated = _rotated(path, families)
    if not rotated:
        raise missing
    errors.append(missing)
    return [(name, False) for name in rotated]


def refuse_what_is_no_file(path: str, command: str) -> None:
    """A pipe, a socket, a device: `command` reads standard input instead.

    Raises:
        InputError: it is there, and no regular file.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError(
            f"{path} is no regular file: what was read of it could not be read again",
            remedy=f"let another program read it: cat {path} | logpipe {command}",
            reason="not_a_file",
        )


def _rotated(path: str, families: _Families) -> list[str]:
    """The files of a file's family: what was not read before a rotation stands in one of them."""
    whole = os.path.abspath(path)
    return families(os.path.dirname(whole)).pop(family_of(whole), [])


def _families(folder: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    with suppress(OSError):
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            found.setdefault(family_of(path), []).append(path)
    return found


def _walk(folder: str, errors: list[InputError]) -> Iterator[str]:
    def note(error: OSError) -> None:
        errors.append(InputError(f"cannot read {error.filename}: {_why(error)}", reason="unreadable"))

    for parent, folders, names in os.walk(folder, onerror=note):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if not name.startswith(".") and not _NEVER_LOGS.search(name):
                yield os.path.join(parent, name)


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _examine(path: str, *, named: bool, found: bool) -> LogFile | None:
    """The file behind a path; None where it is gone by now or is no regular file.

    Raises:
        InputError: nobody may look at it, or the store could not name it.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot read {path}: {_why(error)}", reason="unreadable") from error
    if not stat.S_ISREG(status.st_mode):
        return None
    whole = os.path.abspath(path)
    if _NOT_UTF8.search(whole):
        raise InputError(
            f"{whole} has a name that is no UTF-8, which the database cannot hold",
            remedy="rename it, or its folder",
            reason="name_not_utf8",
        )
    return described(whole, status, named=named, found=found)


def described(path: str, status: os.stat_result, *, named: bool, found: bool = False, away: bool = False) -> LogFile:
    """A file as its status says it is; of a date that makes no sense the nearest that does."""
    modified_ns = min(max(status.st_mtime_ns, _EARLIEST_NS), _LATEST_NS) // 1000 * 1000  # the store keeps microseconds
    identity = status.st_dev, status.st_ino
    return LogFile(path, family_of(path), *identity, status.st_size, modified_ns, named, found, away)

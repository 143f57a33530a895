"""What `setup_logging` would do here: each setting with its origin, the files, and what speaks against them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path

from logpipe.emit.file_names import is_own, parse_rotated
from logpipe.emit.settings import Settings, load
from logpipe.record import EMITTED_STREAMS


@dataclass(frozen=True, slots=True)
class Resolved:
    """One setting."""

    name: str
    value: object
    origin: str
    """`argument`, the name of the variable, or `default`."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that costs records, or has them written twice."""

    reason: str
    """A stable code."""
    logger: str | None
    """None where it concerns all."""
    words: str
    remedy: str


@dataclass(frozen=True, slots=True)
class StreamFiles:
    """The files of a stream as they are now."""

    stream: str
    path: Path
    bytes: int | None
    """Of the file that is written to; None where there is none yet."""
    rotated: int
    rotated_bytes: int


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of a service."""

    path: Path
    writable: bool
    free_bytes: int | None
    """On its volume, for this user."""
    streams: tuple[StreamFiles, ...]
    others: tuple[str, ...]
    """Names of files that the emitter neither writes nor deletes."""


@dataclass(frozen=True, slots=True)
class Check:
    """What was found."""

    settings: tuple[Resolved, ...]
    folder: Folder
    native: bool
    """Whether the compiled part of the emitter is there, which renders plain records."""
    troubles: tuple[Trouble, ...]


def check(given: Mapping[str, object], environ: Mapping[str, str] = os.environ) -> Check:
    """What `setup_logging(**given)` would do; nothing is made or written.

    Raises:
        SettingError: a setting cannot be used.
    """
    settings = load(given, environ)
    folder = _folder(settings)
    native = find_spec("logpipe.emit._native") is not None
    return Check(_resolved(settings, given, environ), folder, native, tuple(_troubles(folder, settings)))


def _resolved(settings: Settings, given: Mapping[str, object], environ: Mapping[str, str]) -> tuple[Resolved, ...]:
    found = []
    for setting in fields(Settings):
        variable = next((name for name in setting.metadata["variables"] if environ.get(name)), "default")
        origin = "argument" if given.get(setting.name) is not None else variable
        found.append(Resolved(setting.name, getattr(settings, setting.name), origin))
    return tuple(found)


def _folder(settings: Settings) -> Folder:
    path = settings.log_dir / settings.service
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    try:
        names = sorted(entry.name for entry in os.scandir(path) if not entry.name.startswith("."))
    except OSError:
        names = []
    streams = tuple(_stream_files(path, stream, names) for stream in EMITTED_STREAMS)
    known = {files.path.name for files in streams}
    writable = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    writable = writable and all(os.access(files.path, os.W_OK) for files in streams if files.bytes is not None)
    others = tuple(name for name in names if name not in known and not _is_ours(path / name))
    return Folder(path, writable, _free_bytes(existing), streams, others)


def _is_ours(path: Path) -> bool:
    return is_own(path) or parse_rotated(path) is not None


def _stream_files(folder: Path, stream: str, names: list[str]) -> StreamFiles:
    rotated = [name for name in names if name.startswith(f"{stream}.") and parse_rotated(folder / name)]
    path = folder / f"{stream}.jsonl"
    sizes = [_size(folder / name) or 0 for name in rotated]
    return StreamFiles(stream, path, _size(path), len(rotated), sum(sizes))


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _free_bytes(folder: Path) -> int | None:
    try:
        volume = os.statvfs(folder)
    except OSError:
        return None
    return volume.f_bavail * volume.f_frsize


def _troubles(folder: Folder, settings: Settings) -> list[Trouble]:
    found = []
    if not folder.writable:
        remedy = "give this user the right to write there, or set log_dir"
        found.append(
            Trouble("not_writable", None, f"{folder.path} cannot be written, so all records are dropped", remedy)
        )
    if folder.free_bytes is not None and folder.free_bytes < settings.max_bytes:
        words = f"{folder.free_bytes:,} bytes are free for {folder.path}, less than one file may take"
        found.append(Trouble("little_room", None, words, "make room, or lower max_bytes"))
    if folder.others:
        words = f"{folder.path} holds files that the emitter never deletes: {', '.join(folder.others[:3])}"
        found.append(Trouble("other_files", None, words, "leave rotation to one program"))
    if settings.service == "unknown_service":
        words = "the service has no name, so it shares its files with every other that has none"
        found.append(Trouble("no_service", None, words, "set service, or LOGPIPE_SERVICE"))
    return found

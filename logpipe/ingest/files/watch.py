"""File-system events, for as far as they go: nothing relies on them but the shortness of a wait."""

import ctypes
import errno
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import TYPE_CHECKING, Self

from watchdog.events import (
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from logpipe.errors import InputError

if TYPE_CHECKING:
    from watchdog.observers.api import ObservedWatch

_IN_CREATE = 0x100
_OF_THIS_FOLDER = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP)
"""It went away, or was closed, since it was found: what says nothing about the others, and is tried again."""

_PROBED_EVERY_S = 60.0
"""Watchdog does not say when there is no watch left for a folder below the one that it was given."""

_CHANGES: list[type[FileSystemEvent]] = [
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]


class Watch(FileSystemEventHandler):
    """Sets an event when a file changes in a watched folder, while the block runs."""

    def __init__(
        self, paths: Sequence[str], changed: threading.Event, complain: Callable[[InputError], None], *, wanted: bool
    ) -> None:
        self._paths = paths
        self._changed = changed
        self._complain = complain
        self._wanted = wanted
        self._watched: dict[str, tuple[tuple[int, int], ObservedWatch]] = {}
        self._observer = Observer()
        self._probed_at = float("-inf")

    def on_any_event(self, event: FileSystemEvent) -> None:  # noqa: ARG002 - which one makes no difference
        self._changed.set()

    def renew(self) -> None:
        """Watch folders that came since, or were made anew: to those the watch of the old one does not lead."""
        if not self._wanted:
            return
        for folder, recursive in _folders(self._paths).items():
            identity = _identity(folder)
            known, watch = self._watched.get(folder, (None, None))
            if identity is None or identity == known:
                continue
            with suppress(KeyError, OSError):
                if watch is not None:
                    self._observer.unschedule(watch)
            self._watch(folder, identity, recursive=recursive)
        if self._watched and time.monotonic() - self._probed_at >= _PROBED_EVERY_S:
            self._probed_at = time.monotonic()
            if not _can_watch(next(iter(self._watched))):
                self._complain(
                    InputError(
                        "the system has no inotify watches left: of some folders no events come",
                        remedy="raise fs.inotify.max_user_watches; their changes are found by looking once a second",
                        reason="few_notifications",
                    )
                )

    def _watch(self, folder: str, identity: tuple[int, int], *, recursive: bool) -> None:
        try:
            watch = self._observer.schedule(self, folder, recursive=recursive, event_filter=_CHANGES)
        except OSError as error:
            if error.errno in _OF_THIS_FOLDER:
                return
            self._wanted = False
            self._complain(
                InputError(
                    f"no file-system events for {folder}: {(error.strerror or str(error)).lower()}",
                    remedy="changes are found all the same, by looking once a second",
                    reason="no_notifications",
                )
            )
        else:
            self._watched[folder] = identity, watch

    def __enter__(self) -> Self:
        if self._wanted:
            self._observer.start()
            self.renew()
        return self

    def __exit__(self, *_: object) -> None:
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join()


def _can_watch(folder: str) -> bool:
    """Whether the kernel would give one watch more."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "inotify_init1"):
        return True
    descriptor = libc.inotify_init1(os.O_CLOEXEC)
    if descriptor < 0:
        return True  # that was the last instance, which watchdog has
    try:
        return not (libc.inotify_add_watch(descriptor, os.fsencode(folder), _IN_CREATE) < 0 and _is_used_up())
    finally:
        os.close(descriptor)


def _is_used_up() -> bool:
    return ctypes.get_errno() == errno.ENOSPC


def _identity(folder: str) -> tuple[int, int] | None:
    with suppress(OSError):
        status = os.stat(folder)
        return status.st_dev, status.st_ino
    return None


def _folders(paths: Sequence[str]) -> dict[str, bool]:
    """The existing folders to watch, and whether with all below them; of a pattern, that above its first sign."""
    folders: dict[str, bool] = {}
    for path in paths:
        deep = os.path.isdir(path)  # pathlib raises where a folder above may not be entered
        folder = PurePath(path) if deep else PurePath(path).parent
        while any(sign in str(folder) for sign in "*?["):
            folder, deep = folder.parent, True
        if os.path.isdir(folder):
            folders[str(folder)] = folders.get(str(folder), False) or deep
    return folders

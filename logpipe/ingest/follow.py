"""Watching files: a poll sweep is the truth, file-system events only shorten the wait."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from logpipe.errors import InputError
from logpipe.ingest.discovery import find
from logpipe.ingest.ingest import Ingester

POLL_S = 1.0
"""How long a change may go unseen when no event tells of it."""

SETTLE_S = 0.1
"""How long to gather after an event, so that a busy file does not make a transaction a line."""


def follow(
    ingester: Ingester, paths: Sequence[str], stop: threading.Event, complain: Callable[[InputError], None]
) -> None:
    """Sweep over the paths until `stop` is set; one last sweep takes what was written before.

    Errors of single files are told once each and do not end it; a path that does not exist yet is waited for.

    Raises:
        StoreError: the store refused; what was committed is safe.
    """
    told: set[str] = set()
    changed = threading.Event()
    with _Watch(paths, changed):
        while not stop.is_set():
            _sweep(ingester, paths, told, complain)
            if changed.wait(POLL_S):
                time.sleep(SETTLE_S)
                changed.clear()
    _sweep(ingester, paths, told, complain)


def _sweep(ingester: Ingester, paths: Sequence[str], told: set[str], complain: Callable[[InputError], None]) -> None:
    files, errors = find(paths)
    ingester.sweep(files)
    errors += ingester.summary.errors
    ingester.summary.errors = []
    for error in errors:
        if error.message not in told:
            told.add(error.message)
            complain(error)


class _Watch(FileSystemEventHandler):
    """Sets an event when anything under the watched folders changes."""

    def __init__(self, paths: Sequence[str], changed: threading.Event) -> None:
        self._changed = changed
        self._observer = Observer()
        for folder, recursive in _folders(paths).items():
            self._observer.schedule(self, folder, recursive=recursive)

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type not in ("opened", "closed_no_write"):
            self._changed.set()

    def __enter__(self) -> None:
        with suppress(OSError):  # no watches left, or none on this file system: polling alone finds everything
            self._observer.start()

    def __exit__(self, *_: object) -> None:
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join()


def _folders(paths: Sequence[str]) -> dict[str, bool]:
    """The existing folders to watch, and whether with all below them."""
    folders: dict[str, bool] = {}
    for path in paths:
        whole = Path(path)
        folder = whole if whole.is_dir() else whole.parent
        if folder.is_dir():
            folders[str(folder)] = folders.get(str(folder), False) or whole.is_dir()
    return folders

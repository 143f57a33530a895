"""`setup_logging`: one call, after which `logging` and loguru write the same record."""

import logging
import os
from typing import TYPE_CHECKING

from logpipe.emit import loguru_sink, uncaught
from logpipe.emit.emitter import Emitter
from logpipe.emit.settings import LEVELS, Settings, load
from logpipe.emit.stdlib import LogpipeHandler

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Logging:
    """What `setup_logging` installed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._emitter = Emitter(settings)
        self.paths: dict[str, Path] = self._emitter.paths
        """The file of each stream."""
        self._handler = _RootHandler(self, self._emitter)
        self._undo: list[Callable[[], None]] = []

    def install(self) -> None:
        """Takes the place of an earlier setup."""
        root = logging.getLogger()
        for handler in root.handlers[:]:
            if isinstance(handler, _RootHandler):
                handler.logging.close()
        level = root.level
        self._emitter.open()
        root.addHandler(self._handler)
        root.setLevel(LEVELS[self.settings.level])
        self._undo.append(lambda: root.setLevel(level))
        if self.settings.loguru:
            self._undo.append(loguru_sink.install(self._emitter.take, self.settings.level))
        if self.settings.uncaught:
            self._undo.append(uncaught.install())

    def flush(self) -> None:
        """Says what was dropped, if anything, and waits until what was written is on the disk."""
        self._emitter.flush()

    def close(self) -> None:
        """Undoes the setup, waits for the compression of rotated files, and closes the files."""
        logging.getLogger().removeHandler(self._handler)
        while self._undo:
            self._undo.pop()()
        self._emitter.close()


class _RootHandler(LogpipeHandler):
    def __init__(self, logging: Logging, emitter: Emitter) -> None:
        super().__init__(emitter.take)
        self.logging = logging
        self._emitter = emitter

    def flush(self) -> None:
        """Called by `logging.shutdown` at the end of the process: the last chance to report drops."""
        self._emitter.report()


def setup_logging(
    *,
    service: str | None = None,
    level: str | int | None = None,
    log_dir: str | os.PathLike[str] | None = None,
    console: bool | str | None = None,
    environment: str | None = None,
    version: str | None = None,
    host: str | None = None,
    max_bytes: int | str | None = None,
    rotate_every: str | None = None,
    compress: bool | None = None,
    keep_files: int | None = None,
    keep_days: int | None = None,
    max_line_bytes: int | str | None = None,
    uncaught: bool | None = None,
    loguru: bool | None = None,
) -> Logging:
    """Has `logging` and loguru write to `<log_dir>/<service>/{app,error,performance,business}.jsonl`.

    None means: by the variable, else the default; docs/emit.md has the table. Called again it replaces what it
    installed, and leaves handlers and sinks of others alone. Raises SettingError for a value that cannot be used;
    a folder that cannot be written is said on standard error, and what is lost is counted.
    """
    installed = Logging(load(dict(locals())))
    installed.install()
    return installed

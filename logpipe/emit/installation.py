"""What `setup_logging` installs, and how it is taken back."""

import atexit
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

from logpipe.emit import logger, loguru_sink, takers, uncaught, warned
from logpipe.emit.emitter import Emitter
from logpipe.emit.events import DETACHED
from logpipe.emit.levels import LEVELS
from logpipe.emit.settings import Settings
from logpipe.emit.stdlib import LogpipeHandler

if TYPE_CHECKING:
    from collections.abc import Callable


class Logging:
    """What `setup_logging` installed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._emitter = Emitter(settings)
        self._handler = _RootHandler(self._emitter)
        self._undo: list[Callable[[], None]] = []

    @property
    def paths(self) -> dict[str, Path]:
        """The file of each stream, as this process writes it at present."""
        return self._emitter.paths

    def install(self) -> None:
        """Takes the place of an earlier setup."""
        root = logging.getLogger()
        for earlier in _INSTALLED[:]:  # a dictConfig may have taken its handler away, and left all else
            earlier.close()
        _INSTALLED.append(self)
        atexit.register(self._emitter.report)  # a dictConfig has `logging.shutdown` forget the handlers there were
        self._undo.append(lambda: atexit.unregister(self._emitter.report))
        level = root.level
        self._emitter.open()
        root.addHandler(self._handler)
        root.setLevel(LEVELS[self.settings.lowest_level])
        self._undo.append(lambda: root.setLevel(level))
        self._undo.append(logger.install(self._emitter.writer, self._handler, DETACHED))
        self._undo.append(takers.listen(self._emitter.take, self.settings.lowest_level, self._emitter.writer))
        if self._emitter.admission is not None:
            self._undo.append(self._emitter.admission.install())
        if self.settings.loguru:
            self._undo.append(loguru_sink.install(self._emitter.take, self.settings.lowest_level, self._emitter.writer))
        if self.settings.uncaught:
            self._undo.append(uncaught.install())
        if self.settings.warnings:
            self._undo.append(warned.install())

    def flush(self) -> None:
        """Says what was dropped, if anything, and waits until what was written is on the disk."""
        self._emitter.flush()

    def close(self) -> None:
        """Undoes the setup, waits for the compression of rotated files, and closes the files."""
        if self in _INSTALLED:
            _INSTALLED.remove(self)
        logging.getLogger().removeHandler(self._handler)
        while self._undo:
            self._undo.pop()()
        self._emitter.close()


_INSTALLED: Final[list[Logging]] = []


class _RootHandler(LogpipeHandler):
    def __init__(self, emitter: Emitter) -> None:
        super().__init__(emitter.take)
        self._emitter = emitter

    def flush(self) -> None:
        """Called by `logging.shutdown` at the end of the process: the last chance to report drops."""
        self._emitter.report()

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
        self._level = logging.getLogger().level

    @property
    def paths(self) -> dict[str, Path]:
        """The file of each stream, as this process writes it at present."""
        return self._emitter.paths

    def install(self) -> None:
        """Takes the place of an earlier setup, between two records of whoever logs meanwhile."""
        root = logging.getLogger()
        earlier = _INSTALLED[:]  # a dictConfig may have taken its handler away, and left all else
        self._level = earlier[0]._level if earlier else root.level
        self._emitter.open()
        theirs = [installed._handler for installed in earlier]
        root.setLevel(LEVELS[self.settings.lowest_level])
        root.handlers[:] = [handler for handler in root.handlers if handler not in theirs] + [self._handler]
        for installed in earlier:
            installed._undo_all()
        _INSTALLED[:] = [self]
        self._hook()
        for installed in earlier:
            installed._emitter.close(timeout_s=0)

    def _hook(self) -> None:
        atexit.register(self._emitter.report)  # a dictConfig has `logging.shutdown` forget the handlers there were
        self._undo.append(lambda: atexit.unregister(self._emitter.report))
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

    def _undo_all(self) -> None:
        while self._undo:
            self._undo.pop()()

    def flush(self) -> None:
        """Says what was dropped, if anything, and waits until what was written is on the disk."""
        self._emitter.flush()

    def close(self) -> None:
        """Undoes the setup, waits for the compression of rotated files, and closes the files."""
        if self in _INSTALLED:
            _INSTALLED.remove(self)
            logging.getLogger().removeHandler(self._handler)
            logging.getLogger().setLevel(self._level)
        self._undo_all()
        self._emitter.close()


_INSTALLED: Final[list[Logging]] = []


class _RootHandler(LogpipeHandler):
    def __init__(self, emitter: Emitter) -> None:
        super().__init__(emitter.take)
        self._emitter = emitter

    def flush(self) -> None:
        """Called by `logging.shutdown` at the end of the process: the last chance to report drops."""
        self._emitter.report()

"""What is said on standard error while targets run: what goes wrong, and on a terminal how far each has come."""

import logging
import sys
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from logpipe_shippers.delivery.shipper import Delivery

_LOG = "logpipe.ship"
_EVERY_S = 0.2


class ShippingProgress(logging.Handler):
    """Of all targets, which tell of it from threads of their own; a context manager."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.counts: dict[str, tuple[int, int]] = {}
        """Rows that were taken and refused, by target."""
        self._draws = sys.stderr.isatty()
        self._drawn_at = 0.0
        self._level = logging.NOTSET

    def add(self, name: str, delivery: "Delivery") -> None:
        """Count what became of a batch."""
        self.acquire()
        try:
            accepted, refused = self.counts.get(name, (0, 0))
            self.counts[name] = (accepted + delivery.accepted, refused + delivery.refused)
            if self._draws and time.monotonic() - self._drawn_at > _EVERY_S:
                self._draw()
        finally:
            self.release()

    def told(self, name: str) -> str:
        """What became of all that a target shipped."""
        accepted, refused = self.counts[name]
        return f"{name}: {accepted:,} taken, {refused:,} refused"

    def emit(self, record: logging.LogRecord) -> None:
        """A record of the log, as a line."""
        from logpipe.cli import output

        self._clear()
        say = output.warning if record.levelno >= logging.WARNING else output.note
        say(record.getMessage())

    def __enter__(self) -> Self:
        logger = logging.getLogger(_LOG)
        self._level = logger.level
        logger.setLevel(min(logging.INFO, logger.getEffectiveLevel()))
        logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logger = logging.getLogger(_LOG)
        logger.removeHandler(self)
        logger.setLevel(self._level)
        self._clear()

    def _draw(self) -> None:
        from shutil import get_terminal_size

        from logpipe.cli.output import one_line

        line = one_line("; ".join(self.told(name) for name in sorted(self.counts)))
        sys.stderr.write(f"\r\x1b[K{line[: get_terminal_size().columns - 1]}")
        sys.stderr.flush()
        self._drawn_at = time.monotonic()

    def _clear(self) -> None:
        if self._drawn_at:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._drawn_at = 0.0

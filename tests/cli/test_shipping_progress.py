"""How far targets have come, on a terminal; and what goes wrong, anywhere."""

import io
import logging

import pytest

from logpipe.cli.shipping_progress import ShippingProgress
from logpipe_shippers.delivery.shipper import Delivery, Refusal

CLEAR = "\r\x1b[K"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_a_line_that_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes room for what goes wrong, and is gone at the end."""
    monkeypatch.setattr("sys.stderr", screen := Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    with ShippingProgress() as progress:
        progress.add("loki:main", Delivery(1_200, [Refusal(1, 0, None, "too old")]))
        logging.getLogger("logpipe.ship").warning("loki:main: %s", "busy")
        progress.add("otlp:main", Delivery(3))
    line = f"{CLEAR}loki:main: 1,200 taken, 1 refused"
    assert screen.getvalue() == f"{line}{CLEAR}warning: loki:main: busy\n{line}; otlp:main: 3 taken, 0 refused{CLEAR}"


def test_a_pipe_has_no_such_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """But what goes wrong; the log is as it was afterwards."""
    monkeypatch.setattr("sys.stderr", pipe := io.StringIO())
    logger = logging.getLogger("logpipe.ship")
    before = logger.level, list(logger.handlers)
    with ShippingProgress() as progress:
        progress.add("loki:main", Delivery(3))
        logger.info("goes on")
    assert pipe.getvalue() == "goes on\n"
    assert (logger.level, list(logger.handlers)) == before

"""Keeping libraries that send from writing addresses, which may be secret, into the log of the program."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_LIBRARIES: Final = ("apprise", "httpx", "httpcore.connection", "httpcore.http11", "urllib3.connectionpool")

_said: ContextVar[list[str] | None] = ContextVar("said", default=None)


@contextmanager
def unlogged() -> Iterator[list[str]]:
    """What they log while the block runs goes nowhere; their warnings are in the list. Other threads log as ever."""
    for name in _LIBRARIES:
        logging.getLogger(name).addFilter(_kept_back)  # once, however often
    said: list[str] = []
    token = _said.set(said)
    try:
        yield said
    finally:
        _said.reset(token)


def _kept_back(record: logging.LogRecord) -> bool:
    said = _said.get()
    if said is not None and record.levelno >= logging.WARNING:
        said.append(" ".join(record.getMessage().split()))
    return said is None

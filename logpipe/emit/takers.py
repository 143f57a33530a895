"""Who takes the records of a front end that has no handlers of its own: emitters that are set up, and captures."""

from collections.abc import Callable
from typing import Any, Final, Protocol

from logpipe.emit.entry import Resource
from logpipe.emit.levels import LEVELS
from logpipe.emit.values import Entry


class Take(Protocol):
    """How an emitter takes any source."""

    def __call__(self, build: Callable[[Any, Resource], Entry], source: Any) -> None: ...


TAKERS: Final[list[tuple[int, Take]]] = []
"""Each with the number of the lowest level that it takes."""


def listen(take: Take, level: str) -> Callable[[], None]:
    """Adds a taker; gives the way back."""
    taker = (LEVELS[level], take)
    TAKERS.append(taker)
    return lambda: TAKERS.remove(taker)

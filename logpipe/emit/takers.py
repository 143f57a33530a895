"""Who takes the records of a front end that has no handlers of its own: emitters that are set up, and captures."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from logpipe.emit.entry import Resource
from logpipe.emit.levels import LEVELS
from logpipe.emit.values import Entry

if TYPE_CHECKING:
    from logpipe.emit._native import Writer


class Take(Protocol):
    """How an emitter takes any source."""

    def __call__(self, build: Callable[[Any, Resource], Entry], source: Any) -> None: ...


TAKERS: Final[list[tuple[int, Take]]] = []
"""Each with the number of the lowest level that it takes."""


def listen(take: Take, level: str, writer: "Writer | None" = None) -> Callable[[], None]:
    """Adds a taker, whose fast path `writer` is; gives the way back."""
    taker = (LEVELS[level], take)
    TAKERS.append(taker)
    if writer is not None:
        from logpipe.emit._native import activate_bound, deactivate_bound

        activate_bound(writer, TAKERS, LEVELS[level])

    def stop() -> None:
        if writer is not None:
            deactivate_bound(writer)
        TAKERS.remove(taker)

    return stop

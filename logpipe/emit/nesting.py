"""Records that are made while one is rendered: a signal handler's are fine, a `__str__` that logs itself is not."""

import threading
from collections.abc import Callable
from typing import Final

MOST_NESTED: Final = 32
"""Records within one another; as in the C of the fast path."""


class Nesting(threading.local):
    """How deep a thread is in records."""

    depth = 0
    ceiling = MOST_NESTED
    overflowed = False
    """Whether the ceiling was reached; it then comes down with the records, as a value that logs itself may do so twice
    for each."""

    def within(self, function: Callable[..., object], /, *args: object) -> bool:
        """Calls the function one record deeper; False where that is too deep, and it was not called."""
        depth = self.depth
        if depth >= self.ceiling:
            self.overflowed = True
            return False
        self.depth = depth + 1
        try:
            function(*args)
        finally:
            self._leave(depth)
        return True

    def _leave(self, depth: int) -> None:
        self.depth = depth
        self.overflowed = self.overflowed and depth > 0
        self.ceiling = min(self.ceiling, depth + 1) if self.overflowed else MOST_NESTED


def counter_of_nesting() -> Callable[..., bool]:
    """`Nesting.within`; that of the fast path, which counts its own records too, where there is one."""
    try:
        from logpipe.emit._native import within
    except ImportError:
        return Nesting().within
    return within

"""A clock that is set by hand: what is logged while it runs bears its time."""

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable


class VirtualClock:
    """While entered, `time.time` and `time.time_ns` tell `now`, in seconds since 1970."""

    def __init__(self, now: float) -> None:
        self.now = now
        self._real: tuple[Callable[[], float], Callable[[], int]] | None = None

    def __enter__(self) -> Self:
        self._real = time.time, time.time_ns
        time.time = lambda: self.now
        time.time_ns = lambda: round(self.now * 1e6) * 1000
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._real:
            time.time, time.time_ns = self._real

"""How long batches take to make and to commit."""

import time
from collections import deque
from collections.abc import Callable

from logpipe.ingest.loading.chunk import Batch, Chunk
from logpipe.ingest.telemetry import Times


class Clock:
    """Calls `convert`, and knows how long each batch took; batches are committed in the order they are made."""

    def __init__(self, convert: Callable[[Chunk], Batch]) -> None:
        self._convert = convert
        self._made: deque[tuple[float, float]] = deque()

    def __call__(self, chunk: Chunk) -> Batch:
        started = time.perf_counter()
        batch = self._convert(chunk)
        made = time.perf_counter()
        self._made.append((made - started, made))
        return batch

    def committed(self) -> Times:
        """The times of the next batch, which is committed now."""
        batch_s, made = self._made.popleft()
        return Times(batch_s, time.perf_counter() - made)

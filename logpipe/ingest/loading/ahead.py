"""Making the next items in a thread while the present one is used."""

import threading
from collections.abc import Generator, Iterator
from queue import SimpleQueue
from typing import TypeVar

_MADE = 1
"""So many items ahead: each is large, and memory that is new costs time too."""

T = TypeVar("T")


def ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """The items of an iterator, made while those before them are in use; there are never more than two.

    What the iterator raises is raised here, after the items before it. When the consumer stops early, so does the
    thread, before this generator's close returns.
    """
    made: SimpleQueue[tuple[T] | BaseException] = SimpleQueue()
    wanted = threading.Semaphore(_MADE)
    stopped = threading.Event()

    def make() -> None:
        try:
            while wanted.acquire() and not stopped.is_set():
                made.put((next(items),))
        except BaseException as end:  # noqa: BLE001 - handed over to the consumer
            made.put(end)

    maker = threading.Thread(target=make, name="logpipe-ahead", daemon=True)
    maker.start()
    try:
        while isinstance(item := made.get(), tuple):
            wanted.release()
            yield item[0]
            del item  # it may be large, and is not waited for together with the next one
        if not isinstance(item, StopIteration):
            raise item
    finally:
        stopped.set()
        wanted.release()
        maker.join()

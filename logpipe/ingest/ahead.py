"""Making the next item in a thread while the present one is used."""

import threading
from collections.abc import Generator, Iterator
from queue import Full, Queue
from typing import TypeVar

_WAIT_S = 0.05

T = TypeVar("T")


def ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """The items of an iterator, each made while the one before it is in use; at most one waits.

    What the iterator raises is raised here, after the items before it. When the consumer stops early, so does the
    thread, before this generator's close returns.
    """
    made: Queue[tuple[T | None, BaseException | None, bool]] = Queue(maxsize=1)
    stopped = threading.Event()

    def put(item: T | None, error: BaseException | None, last: bool) -> None:
        while not stopped.is_set():
            try:
                made.put((item, error, last), timeout=_WAIT_S)
            except Full:
                continue
            return

    def make() -> None:
        try:
            for item in items:
                put(item, None, False)
                if stopped.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - handed over to the consumer
            put(None, error, True)
        else:
            put(None, None, True)

    maker = threading.Thread(target=make, name="logpipe-ahead", daemon=True)
    maker.start()
    try:
        while True:
            item, error, last = made.get()
            if error is not None:
                raise error
            if last:
                return
            yield item  # type: ignore[misc] # None only stands beside an error or the end
    finally:
        stopped.set()
        maker.join()

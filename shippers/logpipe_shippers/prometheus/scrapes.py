"""Reading a store for scrapers: anew for each, once for those that come together, and never for long."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.core import Metric

from logpipe.errors import StoreError
from logpipe.store import Store
from logpipe_shippers.prometheus.collector import Limits, StoreCollector
from logpipe_shippers.prometheus.objectives import Objective

KEPT_S: Final = 2.0
"""So long an outcome serves others."""
DEFAULT_TIMEOUT_S: Final = 10.0
"""What Prometheus waits where it is not told otherwise."""

_AGAIN_S: Final = 0.02
_GRACE_S: Final = 0.2
"""For a reading that is interrupted to end, so that the next scraper does not wait for it."""


@dataclass
class Scrapes:
    """Metrics of the store at `url`, for any number of threads. It is open only while it is read."""

    url: str
    limits: Limits = field(default_factory=Limits)
    objectives: Sequence[Objective] = ()
    kept_s: float = KEPT_S
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _reading: Future[Sequence[Metric]] | None = None
    """The last one, or the one that is made."""
    _read_at: float = 0.0

    def metrics(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> Sequence[Metric]:
        """All metrics, with exemplars, at most some seconds old.

        Raises:
            StoreError: the store is missing, is another's, or could not be read in time.
        """
        try:
            return self._current(timeout_s).result(timeout_s + _GRACE_S)
        except TimeoutError:
            raise self._late(timeout_s) from None

    def _current(self, timeout_s: float) -> Future[Sequence[Metric]]:
        """The reading that is made, or the last one while it is fresh; else a new one."""
        with self._lock:
            last = self._reading
            if last is None or (last.done() and time.monotonic() - self._read_at > self.kept_s):
                last = self._reading = Future()
                reading = threading.Thread(target=self._read, args=(last, timeout_s), name="ship-scrape", daemon=True)
                reading.start()
            return last

    def reachable(self) -> None:
        """Open the store, and nothing else.

        Raises:
            StoreError: it is missing, or another's.
        """
        Store.open(self.url, read_only=True).close()

    def _read(self, reading: Future[Sequence[Metric]], timeout_s: float) -> None:
        """On a thread of its own: a statement that the owner of a store computes cannot be interrupted."""
        end = time.monotonic() + timeout_s
        try:
            with Store.open(self.url, read_only=True) as store, _interrupted(store, end):
                metrics = list(StoreCollector(store, self.limits, self.objectives, traced=True).collect())
        except BaseException as error:  # noqa: BLE001 - whoever waits is told, and raises it
            self._read_at = time.monotonic()
            reading.set_exception(self._late(timeout_s) if self._read_at >= end else error)
        else:
            self._read_at = time.monotonic()
            reading.set_result(metrics)

    def _late(self, timeout_s: float) -> StoreError:
        return StoreError(
            f"{self.url} could not be read within {timeout_s:g} s",
            remedy="raise scrape_timeout, or remove old roll-ups with: logpipe retain",
            reason="store_slow",
        )


@contextmanager
def _interrupted(store: Store, end: float) -> Iterator[None]:
    """Interrupt the statements of a store from `end` on, until the block ends."""
    done = threading.Event()

    def watch() -> None:
        wait_s = max(0.0, end - time.monotonic())
        while not done.wait(wait_s):
            store.connection.interrupt()
            wait_s = _AGAIN_S  # between two statements nobody hears it

    watcher = threading.Thread(target=watch, name="ship-scrape-end", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()

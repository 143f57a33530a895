"""Reading a store for scrapers: anew for each, once for those that come together, and never for long."""

import threading
import time
from collections.abc import Iterator, Sequence
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


@dataclass
class Scrapes:
    """Metrics of the store at `url`, for any number of threads. It is open only while it is read."""

    url: str
    limits: Limits = field(default_factory=Limits)
    objectives: Sequence[Objective] = ()
    kept_s: float = KEPT_S
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _outcome: Sequence[Metric] | StoreError | None = None
    _read_at: float = 0.0

    def metrics(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> Sequence[Metric]:
        """All metrics, with exemplars, at most some seconds old.

        Raises:
            StoreError: the store is missing, is another's, or could not be read in time.
        """
        end = time.monotonic() + timeout_s
        if not self._turn.acquire(timeout=timeout_s):
            raise self._late(timeout_s)
        try:
            if self._outcome is None or time.monotonic() - self._read_at > self.kept_s:
                self._outcome = self._read(end, timeout_s)
                self._read_at = time.monotonic()
            outcome = self._outcome
        finally:
            self._turn.release()
        if isinstance(outcome, StoreError):
            raise outcome.with_traceback(None)
        return outcome

    def reachable(self) -> None:
        """Open the store, and nothing else.

        Raises:
            StoreError: it is missing, or another's.
        """
        Store.open(self.url, read_only=True).close()

    def _read(self, end: float, timeout_s: float) -> Sequence[Metric] | StoreError:
        try:
            with Store.open(self.url, read_only=True) as store, _ending(store, end) as ended:
                metrics = list(StoreCollector(store, self.limits, self.objectives, traced=True).collect())
                return self._late(timeout_s) if ended.is_set() else metrics
        except StoreError as error:
            return self._late(timeout_s) if time.monotonic() >= end else error

    def _late(self, timeout_s: float) -> StoreError:
        return StoreError(
            f"{self.url} could not be read within {timeout_s:g} s",
            remedy="raise scrape_timeout, or remove old roll-ups with: logpipe retain",
            reason="store_slow",
        )


@contextmanager
def _ending(store: Store, end: float) -> Iterator[threading.Event]:
    """Interrupt the statements of a store from `end` on, which is told by what is given, until the block ends."""
    done, ended = threading.Event(), threading.Event()

    def watch() -> None:
        wait_s = max(0.0, end - time.monotonic())
        while not done.wait(wait_s):
            ended.set()
            store.connection.interrupt()
            wait_s = _AGAIN_S  # between two statements nobody hears it

    watcher = threading.Thread(target=watch, name="ship-scrape-end", daemon=True)
    watcher.start()
    try:
        yield ended
    finally:
        done.set()
        watcher.join()

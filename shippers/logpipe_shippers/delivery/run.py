"""Running targets: each on a thread of its own, so that one that is dead delays no other."""

import logging
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic

from logpipe.errors import LogpipeError, StoreError
from logpipe.store import Store
from logpipe_shippers.delivery import backlog, record
from logpipe_shippers.delivery.backoff import Backoff
from logpipe_shippers.delivery.receiver import Misconfigured, Unavailable
from logpipe_shippers.delivery.shipper import Batch, Delivery, Shipper

ATTEMPTS: Final = 8
"""For a batch, where no end without it is meant."""
_SAID_EVERY: Final = 20
"""Failures in a row, of which one is logged."""
_LONG_S: Final = 2.0
"""A wait for which somebody who looks on wants a reason."""
_TURN: Final = threading.Lock()
"""Of the target that has a store open: DuckDB may refuse a file that another thread opens or closes."""

_log = logging.getLogger("logpipe.ship")

Told = Callable[[str, Delivery], None]


def run(
    shippers: Sequence[Shipper[Any]],
    url: str,
    *,
    follow: bool,
    stop: threading.Event | None = None,
    told: Told | None = None,
) -> list[LogpipeError]:
    """Ship what the store at `url` holds now, or without end if `follow`; returns why targets gave up.

    Without `follow` a batch is tried `ATTEMPTS` times, and a wrong setting ends its target at once. With it, nothing
    ends a target but `stop`: what fails is said in the log and in the store, and tried again, ever more rarely. `told`
    is called by the thread of the target.
    """
    stop = stop or threading.Event()
    workers = [_Worker(shipper, url, follow, stop, told) for shipper in shippers]
    threads = [threading.Thread(target=worker.work, name=f"ship-{worker.shipper.name}") for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [worker.error for worker in workers if worker.error is not None]


@dataclass
class _Worker(Generic[Batch]):
    shipper: Shipper[Batch]
    url: str
    follow: bool
    stop: threading.Event
    told: Told | None
    error: LogpipeError | None = None
    backoff: Backoff = field(default_factory=Backoff)
    batch: Batch | None = None
    delivery: Delivery | None = None
    noted: bool = False
    end: int | None = None
    """The newest entry of the ledger when it began, behind which it stops if it is not to follow."""

    def work(self) -> None:
        try:
            while not self.stop.is_set() and self._step():
                pass
        except LogpipeError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - a target never ends without a word
            self.error = _unexpected(error)
        finally:
            self.shipper.close()

    def _step(self) -> bool:
        """One batch, or the next attempt at what it lacks; whether to go on."""
        try:
            return self._advance()
        except (Unavailable, StoreError) as error:
            return self._tried(error, for_good=False)
        except Misconfigured as error:
            return self._tried(error, for_good=True)
        except record.Overtaken as error:
            self.batch = self.delivery = None
            return self._tried(error, for_good=True)
        except Exception as error:  # noqa: BLE001 - it is said, and the others go on
            said = _unexpected(error)
            _log.debug("%s: %s", self.shipper.name, said, exc_info=error)
            self.batch = self.delivery = None
            return self._tried(said, for_good=True)

    def _tried(self, error: LogpipeError, *, for_good: bool) -> bool:
        """Wait before the next attempt, if there is to be one.

        Raises:
            LogpipeError: there is none.
        """
        wait_s = self._failed(error, for_good=for_good)
        if not self.follow and (for_good or self.backoff.failures >= ATTEMPTS):
            raise error
        if self.backoff.failures % _SAID_EVERY == 1 or (not self.follow and wait_s >= _LONG_S):
            _log.warning("%s: %s; trying again in %.2g s", self.shipper.name, error, wait_s)
        if self.shipper.is_of_now and self.delivery is None:
            self.batch = None
        self.stop.wait(wait_s)
        return True

    def _advance(self) -> bool:
        if self.batch is None:
            with self._store() as store:
                self.batch = None if self._is_through(store) else self.shipper.take(store)
        if self.batch is None:
            return self.follow and not self.stop.wait(self.shipper.interval_s)
        if self.delivery is None:
            self.delivery = self.shipper.send(self.batch)
        with self._store() as store:
            self.shipper.settle(store, self.batch, self.delivery)
            self._note(store)
        if self.told is not None:
            self.told(self.shipper.name, self.delivery)
        if self.backoff.failures:
            _log.info("%s: goes on after %d failures", self.shipper.name, self.backoff.failures)
        self.backoff.succeeded()
        self.batch = self.delivery = None
        return True

    def _is_through(self, store: Store) -> bool:
        """Whether all is shipped that was there at the beginning, whatever an ingest has brought since."""
        if self.follow:
            return False
        if self.end is None:
            self.end = backlog.newest(store)
        stands = record.cursor(store, self.shipper.name)
        return stands is not None and stands.ledger_id >= self.end

    def _failed(self, error: LogpipeError, *, for_good: bool) -> float:
        """Note it in the store; seconds to wait.

        What is wrong `for_good` is tried as rarely as can be: somebody has to mend it.
        """
        asked = error.wait_s if isinstance(error, Unavailable) else None
        if isinstance(error, Unavailable) and error.progressed:
            self.backoff.succeeded()
        wait_s = self.backoff.failed(self.backoff.max_s if for_good else asked)
        if not isinstance(error, StoreError):
            with suppress(StoreError), self._store() as store:
                record.failing(store, self.shipper.name, str(error))
                self._note(store)
        return wait_s

    def _note(self, store: Store) -> None:
        """That it is to go on without end, once the store knows of it."""
        if self.follow and not self.noted:
            with suppress(StoreError):  # what was settled is settled
                record.followed(store, self.shipper.name)
                self.noted = True

    @contextmanager
    def _store(self) -> Iterator[Store]:
        with _TURN, Store.open(self.url, create=False, through_owner=True, beside=True) as store:
            yield store


def _unexpected(error: Exception) -> LogpipeError:
    """What is a fault of ours ends no other target. Its own words may hold what is secret, or anything of a log."""
    frames = traceback.extract_tb(error.__traceback__)
    at = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return LogpipeError(f"an unexpected {type(error).__name__}{at}", remedy="please report it", reason="unexpected")

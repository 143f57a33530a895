"""What a long ingest does besides: old events go, and the rows that small commits left are merged."""

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from logpipe.errors import StoreError
from logpipe.store import Store
from logpipe.store.merge import merge
from logpipe.store.retention import Policy, retain

EVERY_S: Final = 600.0

log = logging.getLogger(__name__)


class Housekeeping:
    """Chores that come round every few minutes, one short transaction at a time between sweeps."""

    def __init__(self, policy: Policy, every_s: float = EVERY_S) -> None:
        self.removed = 0
        """Rows that were too old or too many."""
        self._policy = policy
        self._every_s = every_s
        self._due = time.monotonic() + every_s
        self._work: Iterator[None] | None = None

    def step(self, store: Store) -> None:
        """Do the next piece of what is due, if anything is.

        Where the database refuses, as while another process changes these rows, that is logged, and the round given up.
        """
        if self._work is None:
            if time.monotonic() < self._due:
                return
            self._work = self._round(store)
        try:
            next(self._work)
        except StopIteration:
            self._work, self._due = None, time.monotonic() + self._every_s
        except StoreError as error:
            log.warning("%s", error, extra={"event": error.reason})
            self._work, self._due = None, time.monotonic() + self._every_s

    def _round(self, store: Store) -> Iterator[None]:
        before, saved = self.removed, 0
        for piece in retain(store, self._policy, datetime.now(UTC)):
            self.removed += sum(share.count for share in piece)
            yield
        for rows in merge(store):
            saved += rows
            yield
        if self.removed > before or saved:
            figures = {"removed": self.removed - before, "merged": saved}
            log.info("kept house", extra={"event": "housekeeping", **figures})

"""What a long ingest does besides: old events go, and the rows that small commits left are merged."""

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from logpipe.errors import StoreError
from logpipe.store import Store
from logpipe.store.merge import merge
from logpipe.store.retention import Policy, Share, excess_bytes, retain, shrink
from logpipe.store.volume import measure

EVERY_S: Final = 600.0

LOOK_S: Final = 10.0
"""How often to look whether the database is too large, or its volume too full."""

log = logging.getLogger(__name__)


class Housekeeping:
    """Chores that come round every few minutes, one short transaction at a time between sweeps.

    Only what is too much goes at once: what comes meanwhile may be more than the pieces between sweeps.
    """

    def __init__(self, policy: Policy, every_s: float = EVERY_S) -> None:
        self.removed = 0
        """Rows that were too old or too many."""
        self._policy = policy
        self._every_s = every_s
        self._due = time.monotonic() + every_s
        self._look_at = 0.0
        self._work: Iterator[None] | None = None

    def step(self, store: Store) -> None:
        """Do the next piece of what is due, if anything is.

        Where the database refuses, as while another process changes these rows, or after its volume was full, that is
        logged, and the round given up.
        """
        try:
            self._make_room(store)
            self._go_on(store)
        except StoreError as error:
            log.warning("%s", error, extra={"event": error.reason})
            self._rest()

    def _make_room(self, store: Store) -> None:
        if not self._policy.limits_size or time.monotonic() < self._look_at or not self._excess(store):
            return
        before = self.removed
        for piece in shrink(store, self._policy):
            self._count(piece)
        if self.removed > before:
            _tell(self.removed - before, 0)
            if self._excess(store):  # nothing was freed, as while a long query still sees what was removed
                self._look_at = time.monotonic() + self._every_s

    def _excess(self, store: Store) -> int:
        excess = excess_bytes(self._policy, measure(store))
        self._look_at = time.monotonic() + LOOK_S  # not if it could not be measured: then again at the next step
        return excess

    def _go_on(self, store: Store) -> None:
        if self._work is None:
            if time.monotonic() < self._due:
                return
            self._work = self._round(store)
        for _ in self._work:
            return
        self._rest()

    def _rest(self) -> None:
        self._work, self._due = None, time.monotonic() + self._every_s

    def _round(self, store: Store) -> Iterator[None]:
        before, saved = self.removed, 0
        for piece in retain(store, self._policy, datetime.now(UTC)):
            self._count(piece)
            yield
        for rows in merge(store):
            saved += rows
            yield
        if self.removed > before or saved:
            _tell(self.removed - before, saved)

    def _count(self, piece: list[Share]) -> None:
        self.removed += sum(share.count for share in piece)


def _tell(removed: int, merged: int) -> None:
    log.info("kept house", extra={"event": "housekeeping", "removed": removed, "merged": merged})

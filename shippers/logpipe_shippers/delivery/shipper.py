"""What a target is: three steps, of which only the first and the last see the store.

A store is open for as long as it takes to read a batch or to write down what became of it, and never while a receiver
is waited for: so an ingest may take the database over, and a receiver that hangs stops nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from logpipe.store import Store

Batch = TypeVar("Batch")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row of the store that a receiver will never take."""

    source_id: int
    source_pos: int
    ts: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a batch."""

    accepted: int
    """Rows that the receiver has."""
    refusals: Sequence[Refusal] = ()
    unnamed: int = 0
    """Rows beyond these refusals that the receiver refused without a word on which they were."""

    @property
    def refused(self) -> int:
        """Rows that the receiver will never take."""
        return len(self.refusals) + self.unnamed


class Shipper(Protocol[Batch]):
    """One target of `logpipe ship`."""

    @property
    def name(self) -> str:
        """Its kind and its name, as `loki:main`: what its cursor goes by."""

    @property
    def interval_s(self) -> float:
        """Seconds between looks for something new."""

    @property
    def is_of_now(self) -> bool:
        """Whether it tells how things are: what could not be sent is then taken anew, and not sent when it is old."""

    def take(self, store: Store) -> Batch | None:
        """What comes next, in bounded memory; None where there is nothing."""

    def send(self, batch: Batch) -> Delivery:
        """Bring it to the receiver; a batch that is sent again, whole or in part, is stored there once.

        Raises:
            Unavailable: not now.
            Misconfigured: not before somebody mends a setting.
        """

    def settle(self, store: Store, batch: Batch, delivery: Delivery) -> None:
        """Write down that it is done, in one transaction."""

    def close(self) -> None:
        """Let go of the receiver."""

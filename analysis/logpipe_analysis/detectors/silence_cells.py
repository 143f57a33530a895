"""What may fall silent: services, streams and events; and what goes on meanwhile, which says that it is a silence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from logpipe.store.literals import literal
from logpipe_analysis.buckets import Buckets, Integers
from logpipe_analysis.evidence import operation_is
from logpipe_analysis.place import Place

Floats = npt.NDArray[np.float64]

_COMPARED = 40
"""Services that another is compared with at most, the busiest: a median of more says no more."""


@dataclass(frozen=True)
class Cell:
    """What may fall silent."""

    place: Place
    what: str
    """service, stream or event."""
    name: str | None
    events: Floats
    """A bucket of the range."""

    @cached_property
    def end(self) -> int:
        """The bucket after the last that holds an event."""
        return len(self.events) - int(np.argmax(self.events[::-1] > 0))

    @property
    def condition(self) -> str:
        """Its events, as SQL over `events`."""
        own = self.place.condition()
        match self.what:
            case "stream":
                return f"{own} AND stream = {literal(self.name)}"
            case "event":
                return f"{own} AND {operation_is('event', self.name or '')}"
        return own

    @property
    def rolled(self) -> str:
        """The same over the roll-up."""
        own = self.place.condition()
        match self.what:
            case "stream":
                return f"{own} AND stream = {literal(self.name)}"
            case "event":
                return f"{own} AND operation_kind = 'event' AND operation = {literal(self.name)}"
        return own


class Rest:
    """What else there is to compare with: the busiest other services, and the other streams of its own."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets
        self._keys = dict(buckets.places())
        totals = buckets.cells.totals(buckets.cells.events)
        busiest = sorted(self._keys.items(), key=lambda one: -totals[one[1]].sum())[: _COMPARED + 1]
        self._services = [Cell(place, "service", None, buckets.cells.series(keys)) for place, keys in busiest]
        self._streams: tuple[Place | None, list[Cell]] = (None, [])

    def of(self, cell: Cell) -> list[Cell]:
        """What is compared with a cell."""
        others = [other for other in self._services if other.place != cell.place][:_COMPARED]
        if cell.what == "service":
            return others
        return others + [other for other in self._streams_of(cell.place) if other.name != cell.name]

    def _streams_of(self, place: Place) -> Sequence[Cell]:
        """Those of the place that was asked for last are kept: cells are looked at place by place."""
        if self._streams[0] != place:
            self._streams = place, list(_streams(self._buckets, self._keys[place]))
        return self._streams[1]


def services(buckets: Buckets) -> Iterator[Cell]:
    for place, keys in buckets.places():
        yield Cell(place, "service", None, buckets.cells.series(keys))


def streams(buckets: Buckets) -> Iterator[Cell]:
    yield from _streams(buckets, np.arange(len(buckets.cells.keys)))


def events(buckets: Buckets) -> Iterator[Cell]:
    keys = buckets.cells.keys
    chosen = (keys["operation_kind"] == "event") & (keys["operation"] != "other")
    yield from _named(buckets, "event", "operation", np.flatnonzero(chosen))


def _streams(buckets: Buckets, keys: Integers) -> Iterator[Cell]:
    """Those among these keys."""
    named = buckets.cells.keys["stream"].notna().to_numpy()
    yield from _named(buckets, "stream", "stream", keys[named[keys]])


def _named(buckets: Buckets, what: str, column: str, chosen: Integers) -> Iterator[Cell]:
    """Of each name in the column; one after the other, since there may be thousands."""
    for (service, environment, name), keys in buckets.cells.by(("service", "environment", column), chosen).items():
        yield Cell(Place(str(service), environment), what, name, buckets.cells.series(keys))

"""What one version did, minute by minute, as arrays: events, errors and durations, in all and by operation."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from logpipe_analysis.buckets import LEAST_BUCKET

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Name = tuple[str, str]
"""Kind and name of an operation."""

COUNTS = (
    "operation_kind, operation, sum(events)::DOUBLE AS events, "
    "coalesce(sum(events) FILTER (http_status >= 500), 0)::DOUBLE AS server_errors, "
    "coalesce(sum(events) FILTER (severity >= 17), 0)::DOUBLE AS logged_errors, sum(bytes)::DOUBLE AS bytes"
)
"""The columns of the first frame beside `i`, as SQL over a roll-up."""

DURATIONS = "operation_kind, operation, bucket, sum(events)::DOUBLE AS events"
"""The columns of the second frame beside `i`, as SQL over latencies."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Something counted: parallel arrays; rows may be of the same minute and operation."""

    minute: Ints
    operation: Ints
    """The place of its name in a list of names."""
    count: Floats


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted."""

    events: Tally
    logged: Tally
    """Records of severity ERROR and above."""
    served: Tally
    """Responses of status 500 and above."""
    bytes: Tally


@dataclass(frozen=True, slots=True)
class Durations:
    """The events that took a time, parallel to the buckets of their durations."""

    events: Tally
    bucket: Ints


@dataclass(frozen=True, slots=True)
class Operation:
    """One value a minute of the sample."""

    events: Floats
    errors: Floats


@dataclass(frozen=True, slots=True)
class _Timed:
    """Of one operation: parallel arrays of the place of the minute, the bucket of duration, and the events."""

    place: Ints
    bucket: Ints
    events: Floats


class Sample:
    """The minutes in which something was logged, in order; every array has a value for each of them."""

    def __init__(self, names: Sequence[Name | None], counts: Counts, durations: Durations) -> None:
        """`names` are those of the operations, in order; None is of what has none."""
        self._names = names
        self.minutes = np.unique(counts.events.minute)
        events, logged, served = (self._dense(one) for one in (counts.events, counts.logged, counts.served))
        http = [number for number, name in enumerate(names) if name and name[0] == "http"]
        self.events, self.requests = events.sum(axis=0), events[http].sum(axis=0)
        self.bytes = self._dense(counts.bytes).sum(axis=0)
        # A failed request is often logged as both, so whichever are more are the errors.
        self.errors, errors = np.maximum(logged.sum(axis=0), served.sum(axis=0)), np.maximum(logged, served)
        self.operations = {
            name: Operation(events[number], errors[number]) for number, name in self._counted(counts.events)
        }
        self._durations = durations

    @classmethod
    def of_frames(cls, counts: pd.DataFrame, durations: pd.DataFrame) -> "Sample":
        """Both hold `i`, the number of the minute, and the columns named above."""
        named = pd.concat([counts, durations])[["operation_kind", "operation"]]
        grouped = named.groupby(["operation_kind", "operation"], dropna=False, sort=True)
        names = [(kind, name) if isinstance(name, str) else None for kind, name in grouped.size().index]
        number: Ints = grouped.ngroup().to_numpy().astype(np.int64)

        def tally(frame: pd.DataFrame, operation: Ints, column: str) -> Tally:
            return Tally(frame["i"].to_numpy(np.int64), operation, frame[column].to_numpy(np.float64))

        columns = ("events", "logged_errors", "server_errors", "bytes")
        bucket = np.maximum(durations["bucket"].to_numpy(np.int64), LEAST_BUCKET)
        return cls(
            names,
            Counts(*(tally(counts, number[: len(counts)], column) for column in columns)),
            Durations(tally(durations, number[len(counts) :], "events"), bucket),
        )

    @property
    def timed(self) -> dict[Name, float]:
        """The operations with durations, and how many."""
        return {name: float(one.events.sum()) for name, one in self._timed.items()}

    def histogram(self, name: Name, lowest: int, width: int) -> Floats:
        """Minutes × buckets of duration, `width` of them from bucket `lowest` on."""
        one = self._timed[name]
        flat = one.place * width + one.bucket - lowest
        counted = np.bincount(flat, weights=one.events, minlength=len(self.minutes) * width)
        return counted.astype(np.float64).reshape(-1, width)

    def buckets(self, name: Name) -> tuple[int, int]:
        """The least and the largest bucket of duration of an operation."""
        bucket = self._timed[name].bucket
        return int(bucket.min()), int(bucket.max())

    @cached_property
    def _timed(self) -> dict[Name, _Timed]:
        events = self._durations.events
        order = np.argsort(events.operation, kind="stable")
        place = np.searchsorted(self.minutes, events.minute).astype(np.int64)
        bounds = np.searchsorted(events.operation[order], np.arange(len(self._names) + 1))
        of = [order[start:end] for start, end in itertools.pairwise(bounds)]
        return {
            name: _Timed(place[of[number]], self._durations.bucket[of[number]], events.count[of[number]])
            for number, name in self._counted(events)
        }

    def _counted(self, tally: Tally) -> list[tuple[int, Name]]:
        """The numbers and names of the operations of a tally that are counted by name."""
        named = ((int(number), self._names[number]) for number in np.unique(tally.operation))
        return [(number, name) for number, name in named if name and name[1] != "other"]

    def _dense(self, tally: Tally) -> Floats:
        """Operations × minutes."""
        shape = len(self._names), len(self.minutes)
        cells = tally.operation * shape[1] + np.searchsorted(self.minutes, tally.minute)
        return np.bincount(cells, weights=tally.count, minlength=shape[0] * shape[1]).astype(np.float64).reshape(shape)

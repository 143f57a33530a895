"""What one version did, minute by minute, as arrays: events, errors and durations, in all and by operation."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Name = tuple[str, str]
"""Kind and name of an operation."""

COUNTS = (
    "operation_kind, operation, sum(events)::DOUBLE AS events, sum(server_errors)::DOUBLE AS server_errors, "
    "coalesce(sum(events) FILTER (severity >= 17), 0)::DOUBLE AS logged_errors, sum(bytes)::DOUBLE AS bytes"
)
"""The columns of the first frame beside `i`, as SQL over a roll-up."""

DURATIONS = "operation_kind, operation, bucket, sum(events)::DOUBLE AS events"
"""The columns of the second frame beside `i`, as SQL over latencies."""

LEAST_BUCKET = -80
"""Durations under 2^(-80/8) ms, a microsecond, are held as that."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One value a minute of the sample."""

    events: Floats
    errors: Floats


@dataclass(frozen=True, slots=True)
class _Durations:
    """Of one operation: parallel arrays of the place of the minute, the bucket of duration, and the events."""

    place: Ints
    bucket: Ints
    events: Floats


class Sample:
    """The minutes in which something was logged, in order; every array has a value for each of them."""

    def __init__(self, counts: pd.DataFrame, durations: pd.DataFrame) -> None:
        """`counts` and `durations` hold `i`, the number of the minute, and the columns named above."""
        self.minutes = np.unique(counts["i"].to_numpy(np.int64))
        place = np.searchsorted(self.minutes, counts["i"].to_numpy(np.int64))
        events, logged, served, size = (
            counts[name].to_numpy(np.float64) for name in ("events", "logged_errors", "server_errors", "bytes")
        )
        every = np.arange(len(counts))
        self.events, self.bytes = self._dense(place, events, every), self._dense(place, size, every)
        http = np.flatnonzero(counts["operation_kind"] == "http")
        self.requests = self._dense(place, events, http)

        def errors(rows: Ints) -> Floats:
            # A failed request is often logged as both, so whichever are more are the errors.
            return np.maximum(self._dense(place, logged, rows), self._dense(place, served, rows))

        self.errors = errors(every)
        self.operations = {
            name: Operation(self._dense(place, events, rows), errors(rows)) for name, rows in _by_operation(counts)
        }
        self._durations = self._of_each(durations)

    @property
    def timed(self) -> dict[Name, float]:
        """The operations with durations, and how many."""
        return {name: float(one.events.sum()) for name, one in self._durations.items()}

    def histogram(self, name: Name, lowest: int, width: int) -> Floats:
        """Minutes × buckets of duration, `width` of them from bucket `lowest` on."""
        one = self._durations[name]
        flat = one.place * width + one.bucket - lowest
        counted = np.bincount(flat, weights=one.events, minlength=len(self.minutes) * width)
        return counted.astype(np.float64).reshape(-1, width)

    def buckets(self, name: Name) -> tuple[int, int]:
        """The least and the largest bucket of duration of an operation."""
        bucket = self._durations[name].bucket
        return int(bucket.min()), int(bucket.max())

    def _of_each(self, durations: pd.DataFrame) -> dict[Name, _Durations]:
        place = np.searchsorted(self.minutes, durations["i"].to_numpy(np.int64))
        bucket = np.maximum(durations["bucket"].to_numpy(np.int64), LEAST_BUCKET)
        events = durations["events"].to_numpy(np.float64)
        return {name: _Durations(place[rows], bucket[rows], events[rows]) for name, rows in _by_operation(durations)}

    def _dense(self, place: Ints, values: Floats, rows: Ints) -> Floats:
        summed = np.bincount(place[rows], weights=values[rows], minlength=len(self.minutes))
        return summed.astype(np.float64)


def _by_operation(frame: pd.DataFrame) -> Iterator[tuple[Name, Ints]]:
    """The numbers of the rows of each operation that is counted by name."""
    grouped: dict[Any, Any] = frame.groupby(["operation_kind", "operation"], sort=True).indices
    for (kind, operation), rows in grouped.items():
        if operation != "other":
            yield (str(kind), str(operation)), np.asarray(rows, np.int64)

"""What one version did, minute by minute, as arrays: events, errors and durations, in all and by operation."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
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


class Sample:
    """The minutes in which something was logged, in order; every array has a value for each of them."""

    def __init__(self, counts: pd.DataFrame, durations: pd.DataFrame) -> None:
        """`counts` and `durations` hold `i`, the number of the minute, and the columns named above."""
        self.minutes = np.unique(counts["i"].to_numpy(np.int64))
        self.events = self._dense(counts, "events")
        self.bytes = self._dense(counts, "bytes")
        requests = counts[counts["operation_kind"] == "http"]
        self.requests = self._dense(requests, "events")
        # A failed request is often logged as both, so whichever are more are the errors.
        self.errors = np.maximum(self._dense(counts, "logged_errors"), self._dense(counts, "server_errors"))
        named = counts[counts["operation"].notna() & (counts["operation"] != "other")]
        self.operations = {name: self._operation(rows) for name, rows in _by_operation(named)}
        self._durations = dict(_by_operation(durations[durations["operation"] != "other"]))

    @property
    def timed(self) -> dict[Name, float]:
        """The operations with durations, and how many."""
        return {name: float(rows["events"].sum()) for name, rows in self._durations.items()}

    def histogram(self, name: Name, lowest: int, width: int) -> Floats:
        """Minutes × buckets of duration, `width` of them from bucket `lowest` on."""
        rows = self._durations[name]
        column = rows["bucket"].clip(lower=LEAST_BUCKET).to_numpy(np.int64) - lowest
        flat = np.searchsorted(self.minutes, rows["i"].to_numpy(np.int64)) * width + column
        length = len(self.minutes) * width
        counted = np.bincount(flat, weights=rows["events"].to_numpy(np.float64), minlength=length)
        return counted.astype(np.float64).reshape(-1, width)

    def buckets(self, name: Name) -> tuple[int, int]:
        """The least and the largest bucket of duration of an operation."""
        bucket = self._durations[name]["bucket"].clip(lower=LEAST_BUCKET)
        return int(bucket.min()), int(bucket.max())

    def _operation(self, rows: pd.DataFrame) -> Operation:
        errors = np.maximum(self._dense(rows, "logged_errors"), self._dense(rows, "server_errors"))
        return Operation(self._dense(rows, "events"), errors)

    def _dense(self, rows: pd.DataFrame, column: str) -> Floats:
        place = np.searchsorted(self.minutes, rows["i"].to_numpy(np.int64))
        summed = np.bincount(place, weights=rows[column].to_numpy(np.float64), minlength=len(self.minutes))
        return summed.astype(np.float64)


def _by_operation(frame: pd.DataFrame) -> Iterator[tuple[Name, pd.DataFrame]]:
    for (kind, operation), rows in frame.groupby(["operation_kind", "operation"], sort=True):
        yield (str(kind), str(operation)), rows

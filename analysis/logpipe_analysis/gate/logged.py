"""What a service logged in some of the buckets of a range, by version: samples of it cost no further reading."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from logpipe_analysis.buckets import Buckets
from logpipe_analysis.gate.sample import Counts, Durations, Name, Sample, Tally
from logpipe_analysis.place import Place

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Chosen = Callable[[str | None], bool]
"""Whether a version is looked at; None is of records that name none."""


class Logged:
    """The rows of one service and environment that lie in the buckets that are `wanted`."""

    def __init__(self, buckets: Buckets, place: Place, wanted: Bools) -> None:
        cells, timed = buckets.cells, buckets.durations
        counted, latencies = (_of_place(keys, place) for keys in (cells.keys, timed.keys))
        self._names = sorted({*_names(counted), *_names(latencies)}, key=lambda name: (name is None, name or ("", "")))
        self._counts = [
            _Rows.of(counted, self._names, wanted, one.ends, one.bucket, one.count)
            for one in (cells.events, cells.errors, cells.served)
        ]
        self._durations = _Rows.of(
            latencies, self._names, wanted, timed.key_ends, timed.index, timed.events, timed.bucket
        )

    def sample(self, since: int, until: int, chosen: Chosen) -> Sample:
        """Of the chosen versions, from one bucket up to, not including, another."""
        events, logged, served = (rows.inside(since, until, chosen).tally() for rows in self._counts)
        timed = self._durations.inside(since, until, chosen)
        nothing = np.zeros(0, np.int64)
        sizes = Tally(nothing, nothing, np.zeros(0))  # are not compared
        return Sample(self._names, Counts(events, logged, served, sizes), Durations(timed.tally(), timed.values[1]))

    def most(self, since: int, until: int, chosen: Chosen) -> str | None:
        """Of the chosen versions the one that most was logged by."""
        rows = self._counts[0].inside(since, until, chosen)
        events: dict[str, float] = {}
        for key in np.unique(rows.key):
            if (version := rows.versions[key]) is not None:
                events[version] = events.get(version, 0.0) + float(rows.values[0][rows.key == key].sum())
        return max(sorted(events), key=events.__getitem__, default=None)


@dataclass(frozen=True, slots=True)
class _Rows:
    """What was counted; `index`, `key` and `values` are parallel."""

    versions: Sequence[str | None]
    """Of each key."""
    operations: Ints
    """Of each key the place of its name."""
    index: Ints
    """The bucket of the range."""
    key: Ints
    values: tuple[Ints, ...]
    """The first is how many."""

    @classmethod
    def of(
        cls,
        keys: pd.DataFrame,
        names: list[Name | None],
        wanted: Bools,
        ends: Ints,
        index: npt.NDArray[np.int32],
        *values: npt.NDArray[np.integer],
    ) -> "_Rows":
        """The wanted rows of these keys, which stand side by side."""
        first, last = (int(keys.index[0]), int(keys.index[-1])) if len(keys) else (0, -1)
        start = int(ends[first - 1]) if first else 0
        own = slice(start, int(ends[last]) if len(keys) else start)
        rows = own.start + np.flatnonzero(wanted[index[own]])
        key = np.searchsorted(ends[first : last + 1], rows, side="right")
        operations = np.array([names.index(name) for name in _names(keys)], dtype=np.int64)
        taken = tuple(one[rows].astype(np.int64) for one in values)
        return cls(list(keys["version"]), operations, index[rows].astype(np.int64), key, taken)

    def inside(self, since: int, until: int, chosen: Chosen) -> "_Rows":
        """Those of the chosen versions, from one bucket up to, not including, another."""
        kept = np.array([chosen(version) for version in self.versions], dtype=bool)
        own = np.flatnonzero(kept[self.key] & (self.index >= since) & (self.index < until))
        values = tuple(one[own] for one in self.values)
        return _Rows(self.versions, self.operations, self.index[own], self.key[own], values)

    def tally(self) -> Tally:
        """Of their first value, by operation."""
        return Tally(self.index, self.operations[self.key], self.values[0].astype(np.float64))


def _of_place(keys: pd.DataFrame, place: Place) -> pd.DataFrame:
    environment = keys["environment"]
    same = environment.isna() if place.environment is None else environment == place.environment
    return keys[(keys["service"] == place.service) & same]


def _names(keys: pd.DataFrame) -> list[Name | None]:
    """Of each key the operation, None where it has none."""
    pairs = zip(keys["operation_kind"], keys["operation"], strict=True)
    return [(kind, name) if isinstance(kind, str) and isinstance(name, str) else None for kind, name in pairs]

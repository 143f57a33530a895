"""The counts of a range as arrays, read once: a roll-up may hold nearly as many rows as there are events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from logpipe.record import ERROR_SEVERITY
from logpipe.store import Store
from logpipe_analysis.coded import Codes, Numbers

Floats = npt.NDArray[np.float64]

KEYS = ("service", "environment", "stream", "operation_kind", "operation", "version")
Name = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts by bucket, those of a key side by side; where nothing was counted there is no row."""

    ends: Numbers
    """Of each key, where its rows end."""
    bucket: npt.NDArray[np.int32]
    """Of the range, from 0."""
    count: npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Cells:
    """What a roll-up counts, by key and bucket."""

    keys: pd.DataFrame
    """The distinct keys, with the columns `KEYS`, in order; a name that is missing is None."""
    events: Counts
    errors: Counts
    """Those of them whose severity is ERROR or above."""
    served: Counts
    """Those of them whose HTTP status is 500 or above."""
    buckets: int
    """Of the range."""

    @classmethod
    def read(cls, store: Store, relation: str, buckets: int) -> "Cells":
        """Of a relation shaped as `rollup_minute`, with `i`, the bucket."""
        codes = Codes(store, relation, KEYS)
        events = _counts(codes, relation, "events")
        # Failures are few: apart from the rest they cost less than a column of zeros.
        errors = _counts(codes, f"{relation} WHERE severity >= {ERROR_SEVERITY}", "events")
        served = _counts(codes, f"{relation} WHERE http_status >= 500", "events")
        return cls(codes.keys, events, errors, served, buckets)

    def by(self, names: Sequence[str], keys: Numbers | None = None) -> dict[Name, Numbers]:
        """The keys (of `keys`, where given) of each combination of these names, in the order of the names."""
        chosen = self.keys if keys is None else self.keys.iloc[keys]
        grouped: dict[Any, Any] = chosen.groupby(list(names), dropna=False, sort=False).indices
        numbers = np.arange(len(self.keys)) if keys is None else keys
        named = {
            tuple(
                part if isinstance(part, str) else None for part in (name if isinstance(name, tuple) else (name,))
            ): at
            for name, at in grouped.items()
        }
        return {
            name: numbers[named[name]]
            for name in sorted(named, key=lambda name: [(part is None, part or "") for part in name])
        }

    def series(self, keys: Numbers, weights: Counts | None = None) -> Floats:
        """The sums of `weights` (the events, where None) of these keys, one value a bucket."""
        weights = self.events if weights is None else weights
        rows = _rows(weights, keys)
        return np.bincount(weights.bucket[rows], weights=weights.count[rows], minlength=self.buckets).astype(np.float64)

    def totals(self, weights: Counts) -> Floats:
        """The sum of `weights` of each key."""
        before = np.concatenate(([0], np.cumsum(weights.count, dtype=np.int64)))
        return np.diff(before[weights.ends], prepend=0).astype(np.float64)

    def first(self, keys: Numbers) -> int:
        """The first bucket with an event of these keys."""
        return int(self.events.bucket[_rows(self.events, keys)].min())

    def last(self, keys: Numbers) -> int:
        """The last bucket with an event of these keys."""
        return int(self.events.bucket[_rows(self.events, keys)].max())


def _counts(codes: Codes, relation: str, column: str) -> Counts:
    coded = codes.rows(relation, {"i": "i::INTEGER", "count": f"{column}::UINTEGER"})
    return Counts(coded.ends, coded.rows["i"], coded.rows["count"])


def _rows(counts: Counts, keys: Numbers) -> "slice | Numbers":
    """The rows of these keys; keys in a row, as those of a service, are a slice."""
    starts = np.concatenate(([0], counts.ends))
    runs = np.split(keys, np.flatnonzero(np.diff(keys) != 1) + 1) if len(keys) else []
    stretches = [(int(starts[run[0]]), int(counts.ends[run[-1]])) for run in runs]
    if len(stretches) == 1:
        return slice(*stretches[0])
    return np.concatenate([np.arange(0), *(np.arange(*stretch) for stretch in stretches)])

"""The counts of a range as arrays, read once: a roll-up may hold nearly as many rows as there are events."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from logpipe.store import Store
from logpipe_analysis.coded import Numbers, coded

Floats = npt.NDArray[np.float64]

KEYS = ("service", "environment", "version", "stream", "level", "operation_kind", "operation")


@dataclass(frozen=True, slots=True)
class Cells:
    """The rows of a roll-up; arrays of one value a row, but `keys`."""

    keys: pd.DataFrame
    """The distinct keys, with the columns `KEYS`; a name that is missing is None."""
    key: Numbers
    """Of each row, its row in `keys`."""
    bucket: Numbers
    """Of the range, from 0."""
    events: Floats
    errors: Floats
    """Those of them whose severity is ERROR or above."""
    served: Floats
    """Those of them whose HTTP status is 500 or above."""
    buckets: int
    """Of the range."""

    @classmethod
    def read(cls, store: Store, relation: str, buckets: int) -> "Cells":
        """Of a relation shaped as `rollup_minute`, with `i`, the bucket."""
        counted = {
            "i": "i::BIGINT",
            "events": "events::DOUBLE",
            "errors": "CASE WHEN severity >= 17 THEN events ELSE 0 END::DOUBLE",
            "served": "server_errors::DOUBLE",
        }
        rows = coded(store, relation, KEYS, counted)
        events, errors, served = (rows.values[name].astype(np.float64) for name in ("events", "errors", "served"))
        return cls(rows.keys, rows.key, rows.values["i"].astype(np.int64), events, errors, served, buckets)

    def series(self, group: Numbers, groups: int, weights: Floats | None = None) -> Floats:
        """Sums of `weights` (the events, where None), groups × buckets; `group` is of each key, -1 for none."""
        mine = group[self.key]
        chosen = mine >= 0
        weights = self.events if weights is None else weights
        flat = np.bincount(
            mine[chosen] * self.buckets + self.bucket[chosen],
            weights=weights[chosen],
            minlength=groups * self.buckets,
        )
        return flat.reshape(groups, self.buckets).astype(np.float64)

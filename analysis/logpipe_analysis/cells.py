"""The counts of a range as arrays, read once: a roll-up may hold nearly as many rows as there are events.

Each row of the roll-up is held by the number of its key (service, environment, version, stream, operation, error or
not) and of its bucket, so that any sum over keys is one weighted count. Names become numbers inside the engine, by
temporary ENUM types, at a fifth of the cost of grouping by them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from logpipe.store import Store

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

_NAMES = ("service", "environment", "version", "stream", "operation_kind", "operation")
KEYS = (*_NAMES, "error")


@dataclass(frozen=True, slots=True)
class Cells:
    """The rows of a roll-up; arrays of one value a row, but `keys`."""

    keys: pd.DataFrame
    """The distinct keys, with the columns `KEYS`; a name that is missing is None."""
    key: Numbers
    bucket: npt.NDArray[np.int32]
    """Of the range, from 0."""
    events: npt.NDArray[np.float32]
    served: npt.NDArray[np.float32]
    """Those of them whose HTTP status is 500 or above."""
    buckets: int
    """Of the range."""

    @classmethod
    def read(cls, store: Store, relation: str, buckets: int) -> "Cells":
        """Of a relation shaped as `rollup_minute`, with `i`, the bucket."""
        dictionaries = [_dictionary(store, relation, name) for name in _NAMES]
        widths = [len(known) + 1 for known in dictionaries] + [2]
        codes = [f"coalesce(enum_code({name}::cells_{name}) + 1, 0)" for name in _NAMES] + ["(severity >= 17)::BIGINT"]
        combined = "0"
        for code, width in zip(codes, widths, strict=True):
            combined = f"({combined}) * {width}::BIGINT + {code}"
        with store.rows(
            f"SELECT {combined} AS key, i, events::FLOAT AS events, server_errors::FLOAT AS served FROM {relation}"
        ) as rows:
            columns = {name: np.asarray(values) for name, values in rows.fetchnumpy().items()}
        for name in _NAMES:
            store.execute(f"DROP TYPE cells_{name}")
        key, distinct = pd.factorize(columns["key"])
        unravelled = np.unravel_index(distinct, widths)
        named = {
            name: np.array([None, *known], dtype=object)[code]
            for name, known, code in zip(_NAMES, dictionaries, unravelled[:-1], strict=True)
        }
        keys = pd.DataFrame({**named, "error": unravelled[-1].astype(bool)})
        return cls(keys, key, columns["i"], columns["events"], columns["served"], buckets)

    def series(self, group: Numbers, groups: int, weights: npt.NDArray[np.float32] | None = None) -> Floats:
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


def _dictionary(store: Store, relation: str, name: str) -> list[str]:
    """The values of a column; a temporary type of them is made, unless there is none."""
    store.execute(f"DROP TYPE IF EXISTS cells_{name}")
    values = f"SELECT DISTINCT {name} FROM {relation} WHERE {name} IS NOT NULL"
    store.execute(f"CREATE TEMP TYPE cells_{name} AS ENUM ({values})")
    [(known,)] = store.execute(f"SELECT enum_range(NULL::cells_{name})")
    return list(known)

"""Rows of the store as arrays, their names as numbers: what grouping by names in the engine would cost five times over.

The engine gives a number of 64 bits for the names of a row, their hash, and once the names of each of these numbers.
That two of a million combinations of names would have the same has a chance of one in forty million.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from logpipe.store import Store

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Coded:
    """The rows of a relation, those of a key side by side."""

    keys: pd.DataFrame
    """The distinct combinations of names, in order; a name that is missing is None, and comes last."""
    ends: Numbers
    """Of each key, where its rows end."""
    values: Mapping[str, npt.NDArray[np.generic]]
    """The other columns, one value a row."""


def coded(store: Store, relation: str, names: Sequence[str], values: Mapping[str, str]) -> Coded:
    """The rows of a relation by the columns `names`, with `values`: names and SQL of other columns, without NULL."""
    code = f"hash({', '.join(names)})"
    listed = ", ".join(f"{sql} AS {name}" for name, sql in values.items())
    with store.rows(f"SELECT {code} AS coded_key, {listed} FROM {relation}") as rows:
        columns = {name: np.asarray(array) for name, array in rows.fetchnumpy().items()}
    combinations = ", ".join(f"any_value({name}) AS {name}" for name in names)
    ordered = ", ".join(f"{name} NULLS LAST" for name in names)
    known = store.execute(f"SELECT {code} AS coded_key, {combinations} FROM {relation} GROUP BY 1 ORDER BY {ordered}")
    keys = pd.DataFrame(known, columns=["coded_key", *names], dtype=object)
    key, distinct = pd.factorize(columns.pop("coded_key"))
    place = pd.Index(keys.pop("coded_key").to_numpy(np.uint64)).get_indexer(pd.Index(distinct))
    own = place[key].astype(np.min_scalar_type(len(keys)))  # small numbers are sorted by their digits, which is fast
    side_by_side = np.argsort(own, kind="stable")
    ends = np.cumsum(np.bincount(own, minlength=len(keys)))
    return Coded(keys, ends, {name: array[side_by_side] for name, array in columns.items()})

"""Rows of the store as arrays, their names as numbers: what grouping by names in the engine would cost five times over.

The names become numbers inside the engine, by temporary ENUM types.
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
    """The rows of a relation."""

    keys: pd.DataFrame
    """The distinct combinations of names; a name that is missing is None."""
    key: Numbers
    """Of each row, its row in `keys`."""
    values: Mapping[str, npt.NDArray[np.generic]]
    """The other columns, one value a row."""


def coded(store: Store, relation: str, names: Sequence[str], values: Mapping[str, str]) -> Coded:
    """The rows of a relation by the columns `names`, with `values`: names and SQL of other columns, without NULL."""
    dictionaries = [_dictionary(store, relation, name) for name in names]
    widths = [len(known) + 1 for known in dictionaries]
    combined = "0::BIGINT"
    for name, width in zip(names, widths, strict=True):
        combined = f"({combined}) * {width} + coalesce(enum_code({name}::coded_{name}) + 1, 0)"
    listed = ", ".join(f"{sql} AS {name}" for name, sql in values.items())
    with store.rows(f"SELECT {combined} AS coded_key, {listed} FROM {relation}") as rows:
        columns = {name: np.asarray(array) for name, array in rows.fetchnumpy().items()}
    for name in names:
        store.execute(f"DROP TYPE coded_{name}")
    key, distinct = pd.factorize(columns.pop("coded_key"))
    codes = np.unravel_index(distinct, widths)
    named = {
        name: pd.Series(np.array([None, *known], dtype=object)[code], dtype=object)  # else None would be NaN
        for name, known, code in zip(names, dictionaries, codes, strict=True)
    }
    return Coded(pd.DataFrame(named), key, columns)


def _dictionary(store: Store, relation: str, name: str) -> list[str]:
    """The values of a column, of which a temporary type is made."""
    store.execute(f"DROP TYPE IF EXISTS coded_{name}")
    values = f"SELECT DISTINCT {name} FROM {relation} WHERE {name} IS NOT NULL"
    store.execute(f"CREATE TEMP TYPE coded_{name} AS ENUM ({values})")
    [(known,)] = store.execute(f"SELECT enum_range(NULL::coded_{name})")
    return list(known)

"""Rows out of DuckDB as Arrow tables."""

from typing import Final

import duckdb
import pyarrow as pa

_BATCH_ROWS: Final = 8192
"""DuckDB reserves room for as many rows in every column of a batch, however few come: for a million, if not told."""


def to_arrow(result: duckdb.DuckDBPyConnection) -> pa.Table:
    """The rows of the statement that was executed last."""
    return result.to_arrow_table(_BATCH_ROWS)

"""Frames as events of a store."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from logpipe.store import Store, rollup


@contextmanager
def filling(store: Store) -> Iterator[duckdb.DuckDBPyConnection]:
    """A transaction of one thread of DuckDB: for few rows, several cost thrice the processor time."""
    store.execute("SET threads = 1")
    try:
        with store.transaction() as connection:
            yield connection
    finally:
        store.execute("RESET threads")


def insert(connection: duckdb.DuckDBPyConnection, rows: pd.DataFrame, first: int) -> None:
    """Rows of `events` with their roll-ups; theirs alone has a `source_pos` of `first` or more."""
    connection.register("incoming", pa.Table.from_pandas(rows, preserve_index=False))
    connection.execute("INSERT INTO events BY NAME FROM incoming")
    connection.unregister("incoming")
    rollup.roll_up(connection, f"(FROM events WHERE source_pos >= {first})")


def fill(store: Store, *frames: pd.DataFrame) -> None:
    """Add their rows, behind those that there are, as an ingest does."""
    rows = pd.concat(frames).sort_values("ts", kind="stable")
    first = int(store.execute("SELECT coalesce(max(source_pos) + 100, 0) FROM events")[0][0])
    rows["source_id"], rows["bytes"] = 1, 100
    rows["source_pos"] = first + np.arange(len(rows)) * 100
    with filling(store) as connection:
        insert(connection, rows, first)
        connection.execute(
            "INSERT INTO ledger VALUES (nextval('ledger_ids'), 1, $from, $to, $n, $n, 0, 0, 0, 0, 0, '', '', now())",
            {"from": first, "to": first + len(rows) * 100, "n": len(rows)},
        )
        connection.execute("DELETE FROM sources")
        connection.execute(
            "INSERT INTO sources (source_id, path, family, generation, size, head, format, service, time_zone, "
            "state, first_seen_at) "
            "VALUES (1, 'logs/shop.jsonl', 'logs/shop', 1, 0, '', 'logpipe', 'shop', 'UTC', 'active', now())"
        )

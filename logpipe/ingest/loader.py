"""Rows into the store, in one transaction: events, rejects, roll-ups, and the ledger that proves it."""

from contextlib import suppress
from datetime import UTC, datetime

import duckdb
import pyarrow as pa

from logpipe.ingest.chunk import Batch
from logpipe.store import Store
from logpipe.store.rollup import CELLS, add_cells

_REJECT_TYPES = {
    "position": pa.uint64(),
    "length": pa.uint64(),
    "reason": pa.string(),
    "detail": pa.string(),
    "raw": pa.binary(),
}


def load(store: Store, batch: Batch) -> None:
    """Commit a batch: its rows, its roll-ups and the source's new offset, or nothing of it.

    Raises:
        StoreFull, StoreError: nothing was committed.
    """
    store.connection.register("new_events", batch.events)
    store.connection.register(CELLS, batch.cells)
    try:
        with store.transaction() as connection:
            columns = ", ".join(batch.events.column_names)
            connection.execute(f"INSERT INTO events ({columns}) SELECT {columns} FROM new_events")
            add_cells(connection)
            _insert_rejects(connection, batch)
            _enter(connection, batch)
    finally:
        with suppress(duckdb.Error):  # after a fatal error, which is what is being raised then
            store.connection.unregister("new_events")
            store.connection.unregister(CELLS)


def _insert_rejects(connection: duckdb.DuckDBPyConnection, batch: Batch) -> None:
    if not batch.rejects:
        return
    columns = {name: [getattr(reject, name) for reject in batch.rejects] for name in _REJECT_TYPES}
    connection.register("new_rejects", pa.table(columns, schema=pa.schema(_REJECT_TYPES)))
    connection.execute(
        "INSERT INTO rejects SELECT ?, position, length, reason, detail, raw, now() FROM new_rejects",
        [batch.chunk.source_id],
    )
    connection.unregister("new_rejects")


def _enter(connection: duckdb.DuckDBPyConnection, batch: Batch) -> None:
    chunk, records = batch.chunk, batch.chunk.records
    accounted = len(batch.events) + records.joined + records.blanks + len(batch.rejects)
    if chunk.lines != accounted:
        raise AssertionError(
            f"source {chunk.source_id}, bytes {chunk.from_pos} to {chunk.to_pos}: "
            f"{chunk.lines} lines were read and {accounted} accounted for"
        )
    connection.execute(
        "INSERT INTO ledger VALUES (nextval('ledger_ids'), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            chunk.source_id,
            chunk.from_pos,
            chunk.to_pos,
            chunk.lines,
            len(batch.events),
            records.joined,
            records.blanks,
            len(batch.rejects),
            chunk.range_hash,
            chunk.tail_hash,
            datetime.now(UTC),
        ],
    )

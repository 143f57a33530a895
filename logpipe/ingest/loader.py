"""Rows into the store, in one transaction: events, rejects, roll-ups, and the ledger that proves it."""

from contextlib import suppress
from datetime import UTC, datetime

import duckdb
import pyarrow as pa

from logpipe.ingest.chunk import Batch
from logpipe.store import Store, rollup
from logpipe.store.patience import waiting_for_memory

_REJECT_TYPES = {
    "position": pa.uint64(),
    "length": pa.uint64(),
    "reason": pa.string(),
    "detail": pa.string(),
    "raw": pa.binary(),
}


@waiting_for_memory
def load(store: Store, batch: Batch) -> None:
    """Commit a batch: its rows, its roll-ups and the source's new offset, or nothing of it.

    Raises:
        StoreFull, StoreError: nothing was committed.
    """
    relations = {"new_events": batch.events, rollup.COUNTS: batch.counts, rollup.LATENCIES: batch.latencies}
    for name, table in relations.items():
        store.connection.register(name, table)
    try:
        with store.transaction() as connection:
            columns = ", ".join(batch.events.column_names)
            connection.execute(f"INSERT INTO events ({columns}) SELECT {columns} FROM new_events")
            rollup.add(connection)
            _insert_rejects(connection, batch)
            _enter(connection, batch)
    finally:
        with suppress(duckdb.Error):  # after a fatal error, which is what is being raised then
            for name in relations:
                store.connection.unregister(name)


def _insert_rejects(connection: duckdb.DuckDBPyConnection, batch: Batch) -> None:
    if not batch.rejects:
        return
    columns = {name: [getattr(reject, name) for reject in batch.rejects] for name in _REJECT_TYPES}
    connection.register("new_rejects", pa.table(columns, schema=pa.schema(_REJECT_TYPES)))
    connection.execute(
        "INSERT INTO rejects SELECT ?, position, length, reason, detail, raw, now() FROM new_rejects",
        [batch.span.source_id],
    )
    connection.unregister("new_rejects")


def _enter(connection: duckdb.DuckDBPyConnection, batch: Batch) -> None:
    span = batch.span
    accounted = len(batch.events) + span.joined + span.blanks + len(batch.rejects)
    if span.lines != accounted:
        raise AssertionError(
            f"source {span.source_id}, bytes {span.from_pos} to {span.to_pos}: "
            f"{span.lines} lines were read and {accounted} accounted for"
        )
    connection.execute(
        "INSERT INTO ledger VALUES (nextval('ledger_ids'), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            span.source_id,
            span.from_pos,
            span.to_pos,
            span.lines,
            len(batch.events),
            span.joined,
            span.blanks,
            len(batch.rejects),
            span.hash_from,
            span.range_hash,
            span.tail_hash,
            datetime.now(UTC),
        ],
    )

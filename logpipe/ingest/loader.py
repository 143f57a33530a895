"""Rows into the store, in one transaction: events, rejects, roll-ups, and the ledger that proves it."""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime

import duckdb
import pyarrow as pa

from logpipe.errors import StoreError
from logpipe.ingest.chunk import Batch
from logpipe.store import Store, rollup
from logpipe.store.patience import waiting_for_memory

_AT_ONCE = 2

_REJECT_TYPES = {
    "position": pa.uint64(),
    "length": pa.uint64(),
    "reason": pa.string(),
    "detail": pa.string(),
    "raw": pa.binary(),
}


def loaded(store: Store, batches: Iterator[Batch]) -> Generator[Batch, None, None]:
    """Commit each batch and hand it on; while one is committed, the next one is being inserted already.

    They are committed in their order, so that what is in the store has no holes.

    Raises:
        StoreFull, StoreError: this batch was not committed, nor any after it.
    """
    with ThreadPoolExecutor(_AT_ONCE, "logpipe-load") as pool:
        loading: deque[tuple[Batch, Future[None]]] = deque()
        for batch in batches:
            before = loading[-1][1] if loading else None
            loading.append((batch, pool.submit(load, store, batch, before)))
            del batch  # it is large
            if len(loading) == _AT_ONCE:
                yield _committed(loading)
        while loading:
            yield _committed(loading)


def _committed(loading: deque[tuple[Batch, Future[None]]]) -> Batch:
    batch, future = loading.popleft()
    future.result()
    return batch


@waiting_for_memory
def load(store: Store, batch: Batch, before: Future[None] | None = None) -> None:
    """Commit a batch: its rows, its roll-ups and the source's new offset, or nothing of it.

    Nor is anything committed when `before`, which the batch comes after, failed.

    Raises:
        StoreFull, StoreError: nothing was committed.
    """
    with store.transaction(beside=True) as connection:
        columns = ", ".join(batch.events.column_names)
        connection.register("new_events", batch.events)
        connection.execute(f"INSERT INTO events ({columns}) SELECT {columns} FROM new_events")
        connection.unregister("new_events")
        rollup.add(connection, batch.cells)
        _insert_rejects(connection, batch)
        _enter(connection, batch)
        if before is not None and before.exception() is not None:
            raise StoreError("the batch before was not committed", reason="out_of_order")


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

"""Rows into the store, in one transaction: events, rejects, roll-ups, and the ledger that proves it."""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from queue import Full, Queue

import duckdb
import pyarrow as pa

from logpipe.errors import StoreError
from logpipe.ingest.loading.chunk import Batch, Entry, Uncounted
from logpipe.ingest.scanning.lines import ROW_GROUP
from logpipe.store import Store, rollup

_AT_ONCE = 2
"""Transactions: while one is committed, the next is being filled."""

_REJECT_TYPES = {
    "position": pa.uint64(),
    "length": pa.uint64(),
    "reason": pa.string(),
    "detail": pa.string(),
    "raw": pa.binary(),
}


Count = Callable[[Sequence[Uncounted]], rollup.Cells]


def loaded(store: Store, batches: Iterator[Batch], count: Count) -> Generator[Entry, None, None]:
    """Commit the batches, as many in one transaction as make a row group, and say what was committed.

    In their order, so that what is in the store has no holes. When `batches` fails, those before it are committed.

    Raises:
        StoreFull, StoreError: what was not said to be committed was not.
    """
    loading: deque[_Load] = deque()
    failure: Exception | None = None
    with ThreadPoolExecutor(_AT_ONCE, "logpipe-load") as pool:
        try:
            while True:
                try:
                    batch = next(batches, None)
                except Exception as error:  # noqa: BLE001 - raised below
                    batch, failure = None, error
                if batch is None:
                    break
                if not loading or loading[-1].full:
                    if len(loading) == _AT_ONCE:
                        yield from loading.popleft().committed()
                    loading.append(_Load(store, pool, loading[-1] if loading else None))
                loading[-1].insert(batch, count)
                del batch  # it is large
            if loading:
                loading[-1].finish(count)
            while loading:
                yield from loading.popleft().committed()
        finally:
            for load in loading:
                load.abandon()
    if failure is not None:
        raise failure


class _Load:
    """A transaction on a thread of its own, given batches as they are made."""

    def __init__(self, store: Store, pool: ThreadPoolExecutor, before: "_Load | None") -> None:
        self._given: Queue[Batch | rollup.Cells | None] = Queue(1)
        self._entries: list[Entry] = []
        self._uncounted: list[Uncounted] = []
        self._rows = 0
        self._finished = False
        self._done: Future[None] = pool.submit(_load, store, self._given.get, before._done if before else None)

    @property
    def full(self) -> bool:
        """Whether the next batch belongs to another one."""
        return self._rows >= ROW_GROUP

    def insert(self, batch: Batch, count: Count) -> None:
        """Take in a batch, and with the last one what all of them add to the roll-ups."""
        self._give(batch)
        self._entries.append(batch.entry)
        self._uncounted.append(batch.uncounted)
        self._rows += len(batch.events)
        if self.full:
            self.finish(count)

    def finish(self, count: Count) -> None:
        """No more batches come."""
        if not self._finished:
            self._give(count(self._uncounted))
            self._finished = True
            self._uncounted.clear()

    def committed(self) -> list[Entry]:
        """What was committed, once it is."""
        self._done.result()
        return self._entries

    def abandon(self) -> None:
        """Roll back, unless it is finished."""
        if not self._finished:
            self._give(None)

    def _give(self, item: Batch | rollup.Cells | None) -> None:
        """Hand over; what became of a transaction that has failed meanwhile is told by `committed`."""
        while not self._done.done():
            with suppress(Full):
                self._given.put(item, timeout=0.1)
                break


def _load(store: Store, next_item: Callable[[], Batch | rollup.Cells | None], before: Future[None] | None) -> None:
    """Insert batches until their cells come, then commit, after the transaction `before`."""
    with store.transaction(beside=True) as connection:
        while isinstance(item := next_item(), Batch):
            insert(connection, item)
            del item  # it is large
        if item is None or (before is not None and before.exception() is not None):
            raise StoreError("what came before was not committed", reason="abandoned")
        rollup.add(connection, item)


def insert(connection: duckdb.DuckDBPyConnection, batch: Batch) -> None:
    """All that a batch brings but what it adds to the roll-ups."""
    columns = ", ".join(batch.events.column_names)
    connection.register("new_events", batch.events)
    connection.execute(f"INSERT INTO events ({columns}) SELECT {columns} FROM new_events")
    connection.unregister("new_events")
    _insert_rejects(connection, batch)
    _enter(connection, batch)


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
    if span.lines + span.divided != accounted:
        raise AssertionError(
            f"source {span.source_id}, bytes {span.from_pos} to {span.to_pos}: "
            f"{span.lines} lines were read, {span.divided} more records cut from them, and {accounted} accounted for"
        )
    connection.execute(
        "INSERT INTO ledger VALUES (nextval('ledger_ids'), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            span.source_id,
            span.from_pos,
            span.to_pos,
            span.lines,
            len(batch.events),
            span.joined,
            span.blanks,
            span.divided,
            len(batch.rejects),
            span.hash_from,
            span.range_hash,
            span.tail_hash,
            datetime.now(UTC),
        ],
    )

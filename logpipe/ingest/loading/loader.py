"""Rows into the store, in one transaction: events, rejects, roll-ups, and the ledger that proves it."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from queue import Empty, Full, Queue

import duckdb
import numpy as np
import pyarrow as pa

from logpipe.errors import StoreError
from logpipe.ingest.loading.chunk import Batch, Entry, Reject, Uncounted
from logpipe.store import Store, rollup
from logpipe.store.database import ROW_GROUP

_AT_ONCE = 2
"""Transactions: while one is committed, the next is being filled."""

_MOST_BYTES, _MOST_BYTES_AT_ONCE = 160 << 20, 128 << 20
"""Of the log, in one transaction, and in two together: DuckDB has their rows in memory until it compresses them."""

_REJECT_TYPES = {
    "position": pa.uint64(),
    "length": pa.uint64(),
    "reason": pa.string(),
    "detail": pa.string(),
    "raw": pa.binary(),
}

_LEDGER_ROW = f"(nextval('ledger_ids'), {', '.join('?' * 13)})"
_ENTERED_TOGETHER = 64

Count = Callable[[Sequence[Uncounted]], rollup.Cells]


def loaded(store: Store, batches: Iterator[Batch], count: Count) -> Generator[Sequence[Entry], None, None]:
    """Commit the batches, as many in one transaction as make a row group, and say of each what was committed.

    In their order, so that what is in the store has no holes. When `batches` fails, those before it are committed.

    Raises:
        StoreFull, StoreError: what was not said to be committed was not.
    """
    loading: deque[_Load] = deque()
    batches = map(_Columns().widened, batches)
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
                    while loading and _are_many(loading):
                        yield loading.popleft().committed()
                    loading.append(_Load(store, pool, loading[-1] if loading else None))
                loading[-1].insert(batch, count)
                del batch  # it is large
            if loading:
                loading[-1].finish(count)
            while loading:
                yield loading.popleft().committed()
        finally:
            for load in loading:
                load.abandon()
    if failure is not None:
        raise failure


def _are_many(loading: Sequence["_Load"]) -> bool:
    """Whether one more, as large as the last, would be too much at once."""
    return len(loading) == _AT_ONCE or sum(load.bytes for load in loading) + loading[-1].bytes > _MOST_BYTES_AT_ONCE


class _Columns:
    """Those that any batch so far had: with all of them the batches fit into one statement."""

    def __init__(self) -> None:
        self._fields: dict[str, pa.Field] = {}

    def widened(self, batch: Batch) -> Batch:
        """The batch with these columns."""
        events = batch.events
        for field in events.schema:
            self._fields.setdefault(field.name, field)
        columns = [
            _as_type(events[name], field.type) if name in events.column_names else pa.nulls(len(events), field.type)
            for name, field in self._fields.items()
        ]
        return replace(batch, events=pa.table(columns, schema=pa.schema(self._fields.values())))


def _as_type(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if column.type == kind:
        return column
    if column.type == pa.string_view():
        column = pa.chunked_array(map(_without_what_null_hides, column.chunks), column.type)
    return column.cast(kind)


def _without_what_null_hides(chunk: pa.Array) -> pa.Array:
    """The views, those of NULLs empty: the scanner leaves there what the memory held, and PyArrow's cast follows it."""
    if not chunk.null_count:
        return chunk
    valid, views, *texts = chunk.buffers()
    cleared = np.frombuffer(views, np.int32).reshape(-1, 4)[: chunk.offset + len(chunk)].copy()
    cleared[chunk.offset :][chunk.is_null().to_numpy(zero_copy_only=False)] = 0
    buffers = [valid, pa.py_buffer(cleared), *texts]
    return pa.Array.from_buffers(chunk.type, len(chunk), buffers, offset=chunk.offset)


class _Load:
    """A transaction on a thread of its own, given batches as they are made."""

    def __init__(self, store: Store, pool: ThreadPoolExecutor, before: "_Load | None") -> None:
        self._given: Queue[Batch | rollup.Cells | None] = Queue(1)
        self._entries: list[Entry] = []
        self._uncounted: list[Uncounted] = []
        self._rows = 0
        self.bytes = 0
        """Of the records' texts."""
        self._finished = False
        self._failure: Exception | None = None
        self._ended = threading.Event()
        self._done: Future[None] = pool.submit(self._run, store, before._done if before else None)

    @property
    def full(self) -> bool:
        """Whether the next batch belongs to another one.

        So where it makes whole row groups, or the last one is more than half full: DuckDB would write smaller ones
        together again, whole neighbours with them. And where it is large without making one.
        """
        beyond = self._rows % ROW_GROUP
        is_whole = self._rows >= ROW_GROUP and (beyond == 0 or beyond > ROW_GROUP // 2)
        return is_whole or self.bytes >= _MOST_BYTES

    def insert(self, batch: Batch, count: Count) -> None:
        """Take in a batch, and with the last one what all of them add to the roll-ups."""
        self._give(batch)
        self._entries.append(batch.entry)
        self._uncounted.append(batch.uncounted)
        self._rows += len(batch.events)
        self.bytes += batch.text_bytes
        if self.full:
            self.finish(count)

    def finish(self, count: Count) -> None:
        """No more batches come."""
        if self._finished:
            return
        self._finished = True
        try:
            cells = count(self._uncounted)
        except Exception as error:  # noqa: BLE001 - raised by `committed`, after what the transactions before it did
            cells, self._failure = None, error
        self._uncounted.clear()
        self._give(cells)

    def committed(self) -> Sequence[Entry]:
        """What was committed, once it is."""
        if self._failure is not None:
            raise self._failure
        self._done.result()
        return self._entries

    def abandon(self) -> None:
        """Roll back, unless it is finished."""
        if not self._finished:
            self._give(None)

    def _run(self, store: Store, before: Future[None] | None) -> None:
        try:
            _load(store, self._taken, before)
        finally:
            self._ended.set()

    def _taken(self) -> Batch | rollup.Cells | None:
        """The next item; None once the transaction has ended: Arrow asks ahead, also when the statement failed."""
        while not self._ended.is_set():
            with suppress(Empty):
                return self._given.get(timeout=0.1)
        return None

    def _give(self, item: Batch | rollup.Cells | None) -> None:
        """Hand over; what became of a transaction that has failed meanwhile is told by `committed`."""
        while not self._done.done():
            with suppress(Full):
                self._given.put(item, timeout=0.1)
                break


def _load(store: Store, next_item: Callable[[], Batch | rollup.Cells | None], before: Future[None] | None) -> None:
    """Insert batches until their cells come, then commit, after the transaction `before`.

    The ledger comes after that one, too: readers take what stands behind the highest number that they have seen.
    """
    with store.transaction(beside=True) as connection:
        entries: list[Entry] = []
        item = next_item()
        while isinstance(item, Batch):
            run = _Run(item, next_item)
            entries += run.insert(connection)
            item = run.after
        if item is not None:
            rollup.add(connection, item)
        if item is None or (before is not None and before.exception() is not None):
            raise StoreError("what came before was not committed", reason="abandoned")
        _enter(connection, entries)


class _Run:
    """Batches of the same columns, which one statement inserts while they come.

    As one statement, since DuckDB compresses a row group at its end, beside a commit, where one statement filled it.
    """

    def __init__(self, first: Batch, next_item: Callable[[], Batch | rollup.Cells | None]) -> None:
        self.after: Batch | rollup.Cells | None = first
        """The item that does not belong to them."""
        self._schema = first.events.schema
        self._next_item = next_item
        self._inserted: list[tuple[Entry, Sequence[Reject]]] = []

    def insert(self, connection: duckdb.DuckDBPyConnection) -> list[Entry]:
        """Their events and rejects; gives what is to be entered into the ledger."""
        _insert_events(connection, pa.RecordBatchReader.from_batches(self._schema, self._events()))
        for entry, rejects in self._inserted:
            _insert_rejects(connection, entry, rejects)
        return [entry for entry, _ in self._inserted]

    def _events(self) -> Iterator[pa.RecordBatch]:
        while isinstance(batch := self.after, Batch) and batch.events.schema.equals(self._schema):
            yield from batch.events.to_batches()
            self._inserted.append((batch.entry, batch.rejects))
            del batch  # it is large
            self.after = self._next_item()


def insert(connection: duckdb.DuckDBPyConnection, batch: Batch) -> None:
    """All that a batch brings but what it adds to the roll-ups."""
    _insert_events(connection, batch.events)
    _insert_rejects(connection, batch.entry, batch.rejects)
    _enter(connection, [batch.entry])


def _insert_events(connection: duckdb.DuckDBPyConnection, events: pa.Table | pa.RecordBatchReader) -> None:
    columns = ", ".join(events.schema.names)
    connection.register("new_events", events)
    connection.execute(f"INSERT INTO events ({columns}) SELECT {columns} FROM new_events")
    connection.unregister("new_events")


def _insert_rejects(connection: duckdb.DuckDBPyConnection, entry: Entry, rejects: Sequence[Reject]) -> None:
    if not rejects:
        return
    columns = {name: [getattr(reject, name) for reject in rejects] for name in _REJECT_TYPES}
    connection.register("new_rejects", pa.table(columns, schema=pa.schema(_REJECT_TYPES)))
    connection.execute(
        "INSERT INTO rejects SELECT ?, position, length, reason, detail, raw, now() FROM new_rejects",
        [entry.span.source_id],
    )
    connection.unregister("new_rejects")


def _enter(connection: duckdb.DuckDBPyConnection, entries: Sequence[Entry]) -> None:
    """Into the ledger."""
    now = datetime.now(UTC)
    for first in range(0, len(entries), _ENTERED_TOGETHER):
        rows = [(*_row(entry), now) for entry in entries[first : first + _ENTERED_TOGETHER]]
        values = ", ".join([_LEDGER_ROW] * len(rows))
        connection.execute(f"INSERT INTO ledger VALUES {values}", list(chain.from_iterable(rows)))


def _row(entry: Entry) -> tuple[object, ...]:
    span = entry.span
    accounted = entry.events + span.joined + span.blanks + entry.rejects
    if span.lines + span.divided != accounted:
        raise AssertionError(
            f"source {span.source_id}, bytes {span.from_pos} to {span.to_pos}: "
            f"{span.lines} lines were read, {span.divided} more records cut from them, and {accounted} accounted for"
        )
    return (
        span.source_id,
        span.from_pos,
        span.to_pos,
        span.lines,
        entry.events,
        span.joined,
        span.blanks,
        span.divided,
        entry.rejects,
        span.hash_from,
        span.range_hash,
        span.tail_hash,
    )

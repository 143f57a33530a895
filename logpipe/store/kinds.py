"""How many events of each kind each minute has, counted outside of SQL: of a batch, each shape of a message is masked.

A database that another process owns is not counted so: its events would all come here, and the counts go back.
"""

from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from logpipe.store.database import ROW_GROUP

_ALIKE: Final = bytes.maketrans(b"123456789", b"000000000")
_HASHES: Final = "SELECT hash(message_masked(said)) AS hash FROM shapes"
_ROWS: Final = 2 * ROW_GROUP
"""Of a batch: so many messages of 2,000 characters, of four bytes each, are what an Arrow array can hold."""
_PARTS: Final = 8
"""In which the shapes of a batch are masked: so many threads may have one each."""
_SPARSE: Final = 8
"""Where there are more cells than so many a row, rows are sorted; else each cell has a counter, which is faster."""
_CELLS: Final = pa.schema(
    [("minute", pa.timestamp("us", "UTC")), ("kind", pa.uint64()), ("events", pa.int64()), ("source_pos", pa.uint64())]
)

Cells = np.ndarray[tuple[int], np.dtype[np.int64]]
Hashes = np.ndarray[tuple[int], np.dtype[np.uint64]]


def counted_by_kind(connection: duckdb.DuckDBPyConnection, keyed: str) -> pa.Table:
    """The `events` of each `minute` and `kind`, with the `source_pos` of one; a key may stand in several rows.

    `keyed` is a statement that selects `minute`, `key`, `source_pos` and `said`, at most 2,000 characters. A kind is
    `xor(key, hash(message_masked(said)))`.
    """
    with connection.cursor() as beside:  # of a statement that is read meanwhile; it needs nothing but macros
        batches = connection.execute(keyed).to_arrow_reader(_ROWS)
        return pa.Table.from_batches([_counted(batch, _hashes(beside, batch["said"])) for batch in batches], _CELLS)


def _hashes(connection: duckdb.DuckDBPyConnection, said: pa.StringArray) -> Hashes:
    """The hash of each message as it is masked."""
    shapes = digits_alike(said).dictionary_encode(null_encoding="encode")
    column = pa.chunked_array(_parts(shapes.dictionary))
    connection.register("shapes", pa.table({"said": column}))
    hashes = connection.execute(_HASHES).to_arrow_table()["hash"].to_numpy()
    connection.unregister("shapes")
    return hashes[shapes.indices.to_numpy()]  # type: ignore[no-any-return]


def _parts(array: pa.Array) -> list[pa.Array]:
    length = max(2048, -(-len(array) // _PARTS))
    return [array.slice(first, length) for first in range(0, max(1, len(array)), length)]


def digits_alike(texts: pa.StringArray) -> pa.StringArray:
    """The texts with 0 for each digit. `message_masked` tells no digit from another, and so makes the same of both."""
    valid, offsets, data = texts.buffers()
    alike = (data.to_pybytes() if data else b"").translate(_ALIKE)
    return pa.Array.from_buffers(texts.type, len(texts), [valid, offsets, pa.py_buffer(alike)], offset=texts.offset)


def _counted(batch: pa.RecordBatch, hashes: Hashes) -> pa.RecordBatch:
    kinds = pa.array(batch["key"].to_numpy() ^ hashes)
    by_minute, by_kind = batch["minute"].dictionary_encode(), kinds.dictionary_encode()
    cells = by_minute.indices.to_numpy() * np.int64(len(by_kind.dictionary)) + by_kind.indices.to_numpy()
    first, events = _first_and_count(cells, len(by_minute.dictionary) * len(by_kind.dictionary))
    return pa.record_batch(
        [batch["minute"].take(first), kinds.take(first), events, batch["source_pos"].take(first)], schema=_CELLS
    )


def _first_and_count(cells: Cells, most: int) -> tuple[Cells, Cells]:
    """Of each number, in order, where it stands first, and how often it stands; all are less than `most`."""
    if most > _SPARSE * len(cells):
        _, first, events = np.unique(cells, return_index=True, return_counts=True)
        return first, events
    events, first = np.bincount(cells, minlength=most), np.empty(most, np.int64)
    first[cells[::-1]] = np.arange(len(cells))[::-1]  # of several values for one place, the last stays
    found = np.flatnonzero(events)
    return first[found], events[found]

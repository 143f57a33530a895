"""One chunk of records into the store, in one transaction: events, rejects, roll-ups, and the ledger that proves it.

A format may offer a fast SELECT for rows that need nothing special; these go straight into `events`. The rest goes
through its full SELECT into a small table, where missing times are filled in and rejects are told apart.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

import duckdb
import numpy as np
import numpy.typing as npt
import orjson

from logpipe.ingest.formats.base import Context, Format, text_literal
from logpipe.ingest.lines import Records
from logpipe.record import COLUMNS, ERROR_SEVERITY, EVENT_COLUMNS, SEVERITY_BY_LEVEL
from logpipe.store import Store
from logpipe.store.rollup import roll_up

TAIL_BYTES = 4096
"""How much before an offset is hashed, so that a file can be known again by it."""

_SEVERITY = (
    "CASE level "
    + " ".join(f"WHEN {text_literal(level)} THEN {number}" for level, number in SEVERITY_BY_LEVEL.items())
    + " ELSE 0 END"
)
_SAMPLE = 256
_MOST_MENDED = 1000
"""Above this, picking out the mended rows costs more than the fast way saves."""
_PLAIN_COLUMNS = ", ".join(column for column in COLUMNS if column not in ("service", "stream"))


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records of one source, the bytes they span, and what the source is."""

    source_id: int
    format: Format
    service: str
    """For records that name none."""
    context: Context
    records: Records
    from_pos: int
    to_pos: int
    range_hash: bytes
    """`digest` of the bytes from `from_pos` to `to_pos`."""
    tail_hash: bytes
    """`digest` of the bytes before `to_pos`, at most `TAIL_BYTES`."""
    surplus: tuple["Reject", ...] = ()
    """Lines that never became records: too long, or damaged. Counted as lines of their own."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that is kept, whole, with the reason why it is no event."""

    position: int
    length: int
    reason: str
    detail: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a chunk came to."""

    events: int
    rejects: int


def digest(data: bytes | bytearray | memoryview) -> bytes:
    """128 bits of SHA-256: by these a file's bytes are known again."""
    return sha256(data).digest()[:16]


def load(store: Store, chunk: Chunk) -> Loaded:
    """Commit the chunk: its rows, its roll-ups and the source's new offset, or nothing of it.

    Raises:
        StoreFull, StoreError: nothing was committed.
    """
    table = chunk.records.table(chunk.from_pos)
    store.connection.register("lines", table)
    # A join would push its filter down into PyArrow, which cannot filter string views.
    store.connection.execute("SET disabled_optimizers = 'join_filter_pushdown'")
    try:
        try:
            return _load(store, chunk, len(table), checked=False)
        except _MalformedError:
            return _load(store, chunk, len(table), checked=True)
    finally:
        with suppress(duckdb.Error):  # after a fatal error, which is what is being raised then
            store.connection.execute("RESET disabled_optimizers")
            store.connection.unregister("lines")


class _MalformedError(Exception):
    """A malformed line stands among those that were taken unchecked; the transaction is void."""


def _load(store: Store, chunk: Chunk, records: int, *, checked: bool) -> Loaded:
    with store.transaction() as connection:
        taken = _take_fast(connection, chunk, checked=checked)
        rejects = _take_rest(connection, chunk, taken) if taken < records else 0
        roll_up(connection, _new_events(connection, chunk))
        rejects += _insert_rejects(connection, chunk)
        loaded = Loaded(records + len(chunk.surplus) - rejects, rejects)
        _enter(connection, chunk, loaded)
    return loaded


def _new_events(connection: duckdb.DuckDBPyConnection, chunk: Chunk) -> str:
    connection.execute(
        "CREATE OR REPLACE TEMP VIEW new_events AS SELECT * FROM events "
        f"WHERE source_id = {chunk.source_id} AND source_pos >= {chunk.from_pos} AND source_pos < {chunk.to_pos}"
    )
    return "new_events"


def _finished(chunk: Chunk, selection: str) -> str:
    """The selection with the defaults of the source and the severity, in the order of `events`."""
    return f"""
        SELECT {", ".join(EVENT_COLUMNS)}, reason
        FROM (
            SELECT {_PLAIN_COLUMNS}, coalesce(service, {text_literal(chunk.service)}) AS service,
                {_SEVERITY} AS severity,
                coalesce(stream, CASE WHEN {_SEVERITY} >= {ERROR_SEVERITY} THEN 'error' ELSE 'app' END) AS stream,
                attributes, {chunk.source_id} AS source_id, pos AS source_pos, bytes, reason
            FROM ({selection})
        )
    """


def _take_fast(connection: duckdb.DuckDBPyConnection, chunk: Chunk, *, checked: bool) -> int:
    """Insert what the format's fast SELECT takes; the rest stays for `_take_rest`."""
    records = chunk.records
    if not len(records.starts):
        return 0
    selection = chunk.format.fast_select(records.sample(_SAMPLE), checked=checked)
    if selection is None or len(records.mended) > _MOST_MENDED:
        return 0
    columns = ", ".join(EVENT_COLUMNS)
    mended = [chunk.from_pos + int(records.starts[index]) for index in records.mended]
    statement = (
        f"INSERT INTO events ({columns}) SELECT {columns} FROM ({_finished(chunk, selection)}) "
        "WHERE ts IS NOT NULL AND NOT list_contains(?::UBIGINT[], source_pos)"
    )
    try:
        [(taken,)] = connection.execute(statement, [mended]).fetchall()
    except duckdb.InvalidInputException as error:
        if checked or "Malformed JSON" not in str(error):
            raise
        raise _MalformedError from error
    return int(taken)


def _take_rest(connection: duckdb.DuckDBPyConnection, chunk: Chunk, taken: int) -> int:
    """Insert the rows that were not taken, through the format's full SELECT; returns the number of rejects."""
    selection = chunk.format.select(connection, chunk.context)
    if taken:
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE leftover AS SELECT * FROM lines ANTI JOIN "
            "(SELECT source_pos AS pos FROM events WHERE source_id = ? AND source_pos >= ? AND source_pos < ?) "
            "USING (pos)",
            [chunk.source_id, chunk.from_pos, chunk.to_pos],
        )
        selection = f"WITH lines AS (FROM leftover) {selection}"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE batch AS {_finished(chunk, selection)}")
    _note_mended(connection, chunk)
    _fill_times(connection, chunk)
    columns = ", ".join(EVENT_COLUMNS)
    connection.execute(f"INSERT INTO events ({columns}) SELECT {columns} FROM batch WHERE reason IS NULL")
    [(rejects,)] = connection.execute(
        """
        INSERT INTO rejects
        SELECT source_id, source_pos, lines.bytes, reason, NULL, encode(raw), now()
        FROM batch JOIN lines ON pos = source_pos
        WHERE reason IS NOT NULL
        """
    ).fetchall()
    _restore_raw(connection, chunk)
    connection.execute("DROP TABLE batch")
    connection.execute("DROP TABLE IF EXISTS leftover")
    return int(rejects)


def _note_mended(connection: duckdb.DuckDBPyConnection, chunk: Chunk) -> None:
    for index, note in chunk.records.notes.items():
        connection.execute(
            "UPDATE batch SET attributes = json_merge_patch(coalesce(attributes, '{}'), ?) WHERE source_pos = ?",
            [orjson.dumps(note).decode(), chunk.from_pos + int(chunk.records.starts[index])],
        )


def _restore_raw(connection: duckdb.DuckDBPyConnection, chunk: Chunk) -> None:
    """A reject keeps the bytes of the file, not the mended text."""
    for index in chunk.records.mended:
        connection.execute(
            "UPDATE rejects SET raw = ? WHERE source_id = ? AND source_pos = ?",
            [chunk.records.text(index), chunk.source_id, chunk.from_pos + int(chunk.records.starts[index])],
        )


def _fill_times(connection: duckdb.DuckDBPyConnection, chunk: Chunk) -> None:
    """Give a record without a time that of the record before it in the file, else the file's, and say so."""
    [(missing,)] = connection.execute("SELECT count(*) FROM batch WHERE ts IS NULL AND reason IS NULL").fetchall()
    if not missing:
        return
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE known_times AS
        SELECT source_pos, ts FROM batch WHERE ts IS NOT NULL
        UNION ALL
        SELECT source_pos, ts FROM events WHERE source_id = $source AND source_pos >= $since
        UNION ALL
        SELECT max(source_pos), max_by(ts, source_pos) FROM events WHERE source_id = $source AND source_pos < $since
        """,
        {"source": chunk.source_id, "since": chunk.from_pos},
    )
    connection.execute(
        """
        UPDATE batch SET
            ts = coalesce(found.ts, $modified_at),
            attributes = json_merge_patch(
                coalesce(attributes, '{}'),
                json_object('time_inferred', CASE WHEN found.ts IS NULL THEN 'file_modified' ELSE 'record_before' END))
        FROM (
            SELECT missing.source_pos, known_times.ts
            FROM (SELECT source_pos FROM batch WHERE ts IS NULL AND reason IS NULL) AS missing
            ASOF LEFT JOIN known_times ON missing.source_pos >= known_times.source_pos
        ) AS found
        WHERE batch.source_pos = found.source_pos
        """,
        {"modified_at": chunk.context.modified_at},
    )
    connection.execute("DROP TABLE known_times")


def _insert_rejects(connection: duckdb.DuckDBPyConnection, chunk: Chunk) -> int:
    for reject in chunk.surplus:
        connection.execute(
            "INSERT INTO rejects VALUES (?, ?, ?, ?, ?, ?, now())",
            [chunk.source_id, reject.position, reject.length, reject.reason, reject.detail, reject.raw],
        )
    return len(chunk.surplus)


def _enter(connection: duckdb.DuckDBPyConnection, chunk: Chunk, loaded: Loaded) -> None:
    records = chunk.records
    lines = records.lines + len(chunk.surplus)
    accounted = loaded.events + records.joined + records.blanks + loaded.rejects
    if lines != accounted:
        raise AssertionError(
            f"source {chunk.source_id}, bytes {chunk.from_pos} to {chunk.to_pos}: "
            f"{lines} lines were read and {accounted} accounted for"
        )
    connection.execute(
        "INSERT INTO ledger VALUES (nextval('ledger_ids'), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            chunk.source_id,
            chunk.from_pos,
            chunk.to_pos,
            lines,
            loaded.events,
            records.joined,
            records.blanks,
            loaded.rejects,
            chunk.range_hash,
            chunk.tail_hash,
            datetime.now(UTC),
        ],
    )


def begins(connection: duckdb.DuckDBPyConnection, records: Records, start: str) -> npt.NDArray[np.bool_]:
    """Which lines begin a record, by the pattern of their format."""
    connection.register("candidates", records.table(0))
    try:
        found = connection.execute(
            f"SELECT regexp_matches(raw, {text_literal(start)}) AS begins FROM candidates"
        ).fetchnumpy()
    finally:
        connection.unregister("candidates")
    return np.asarray(found["begins"], dtype=np.bool_)

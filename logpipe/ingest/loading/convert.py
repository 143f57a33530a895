"""Records to rows: a format's SELECT over the lines of a chunk, in a database of its own in memory.

It runs beside the store, which takes in one chunk's rows while the next one's are made. Plain lines of logpipe's own
JSON take a shorter way, see `scanner`. The rest goes through the format's SELECT into a small table, where missing
times are filled in and rejects are told apart.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from operator import attrgetter
from typing import TypeVar, cast

import duckdb
import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from logpipe.ingest.formats.base import Context, Format, Headed, text_literal
from logpipe.ingest.formats.json_select import MALFORMED
from logpipe.ingest.loading.chunk import Batch, Chunk, Reject, Uncounted
from logpipe.ingest.loading.counting import counted
from logpipe.ingest.loading.selection import fill_batch
from logpipe.ingest.scanning.lines import Positions, Records, mend
from logpipe.ingest.scanning.scanner import Scanned
from logpipe.record import COLUMNS, ERROR_SEVERITY, EVENT_COLUMNS, SEVERITY_BY_LEVEL
from logpipe.store import engine, rollup
from logpipe.store.arrow import to_arrow

_T = TypeVar("_T")
_SEVERITY = (
    "CASE level "
    + " ".join(f"WHEN {text_literal(level)} THEN {number}" for level, number in SEVERITY_BY_LEVEL.items())
    + " ELSE 0 END"
)
_EVERY = slice(None)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FARTHEST_US = 60_000_000_000_000_000
"""Nearly two thousand years: Python's times begin in the year 1, DuckDB's long before."""
_SOURCES_KEPT = 4096
"""Many more than are converted before the first of them is in the store."""
_SELDOM = frozenset(COLUMNS) - {"ts"}
"""Columns that a batch may do without."""
_PLAIN_COLUMNS = ", ".join(column for column in COLUMNS if column not in ("service", "stream"))
_OUT = ", ".join("attributes::VARCHAR AS attributes" if name == "attributes" else name for name in EVENT_COLUMNS)


class Converter:
    """Makes rows of chunks, one after the other, on one thread."""

    def __init__(
        self,
        last_time: Callable[[int], datetime | None],
        operations: pa.Table,
        last_header: Callable[[int, str], str | None] = lambda _source, _pattern: None,
    ) -> None:
        """What the store has: the time of a source's newest record, the names of operations, and a source's newest
        message that matches a pattern.
        """
        self._connection = engine.connect(threads=1)
        self._connection.execute("SET TimeZone = 'UTC'")
        # A join would push its filter down into PyArrow, which cannot filter string views; and a look at lists of
        # constants would take half of the time that planning takes, and win nothing.
        self._connection.execute("SET disabled_optimizers = 'join_filter_pushdown,in_clause'")
        self._connection.execute((resources.files("logpipe.store") / "macros" / "operations.sql").read_text())
        self._connection.register("known", operations)
        self._connection.execute("CREATE TABLE operations AS FROM known")
        self._connection.unregister("known")
        self._matcher = self._connection.cursor()
        self._last_time = last_time
        self._last_header = last_header
        self._headers: dict[int, str | None] = {}
        self._times: dict[int, tuple[int, int | None]] = {}
        """Of a source, where its last chunk ended, and the time of the last record up to there."""

    def begins(self, records: Records, format_: Format) -> npt.NDArray[np.bool_] | None:
        """See `which_begin`; may run beside `convert`."""
        return which_begin(self._matcher, records, format_)

    def convert(self, chunk: Chunk) -> Batch:
        """The rows of a chunk; as many events and rejects as it has records and surplus lines."""
        rejects: list[Reject] = []
        found = chunk.format.scan(chunk.records, chunk.service) if chunk.format.scan else None
        if found is None or not len(found.taken):
            events, rejects = self._select(chunk, _EVERY, None)
            uncounted = Uncounted(None, events)
        else:
            events, rest = _scanned_rows(chunk, found), None
            if len(found.left):
                rest, rejects = self._select(chunk, found.left, events)
                events = _joined(events, rest)
            rejects = sorted([*rejects, *_torn(chunk, found.torn)], key=attrgetter("position"))
            uncounted = Uncounted(found.grouped, rest)
        self._remember(chunk, events)
        return Batch(chunk.span, _with_json(events), uncounted, (*rejects, *chunk.surplus), chunk.records.text_bytes)

    def count(self, batches: Sequence[Uncounted]) -> rollup.Cells:
        """What the events of some batches, in their order, add to the roll-ups."""
        return counted(self._connection, batches)

    def _headers_of(self, chunk: Chunk, lines: pa.Table) -> Callable[[int], Context]:
        """The context of some lines of the chunk, by the first of them: with the last header before it.

        That may stand in the chunk before, which may not be stored yet, or in the store.
        """
        if not isinstance(chunk.format, Headed):
            return lambda _: chunk.context
        source, pattern = chunk.span.source_id, chunk.format.header
        if source not in self._headers and chunk.span.from_pos:
            _keep(self._headers, source, self._last_header(source, pattern))
        before = chunk.context.header or self._headers.get(source)
        _keep(self._headers, source, self._last_matching(pattern, lines) or before)
        return lambda first: replace(
            chunk.context, header=self._last_matching(pattern, lines.slice(0, first)) or before
        )

    def _last_matching(self, pattern: str, lines: pa.Table) -> str | None:
        self._connection.register("headed", lines)
        try:
            [(last,)] = self._connection.execute(
                "SELECT max_by(raw, pos) FROM headed WHERE regexp_matches(raw, ?)", [pattern]
            ).fetchall()
        finally:
            self._connection.unregister("headed")
        return cast("str | None", last)

    def close(self) -> None:
        self._connection.close()

    def _select(
        self, chunk: Chunk, indices: Positions | slice, taken: pa.Table | None
    ) -> tuple[pa.Table, list[Reject]]:
        """The rows that the format's SELECT makes of the records of these indices, and the rejects among them."""
        connection = self._connection
        lines = chunk.records.table(chunk.span.from_pos, indices)
        context = self._headers_of(chunk, lines)

        def statement(first: int) -> str:
            selection = chunk.format.select(connection, context(first))
            if taken is not None:  # of the few lines that a scanner leaves, planning would take longer than running
                connection.execute("PRAGMA disable_optimizer")
            return _finished(chunk, selection)

        try:
            failed = fill_batch(connection, lines, statement)
        finally:
            connection.execute("PRAGMA enable_optimizer")
        self._note_mended(chunk)
        self._fill_times(chunk, taken)
        events = to_arrow(connection.execute(f"SELECT {_OUT} FROM batch WHERE reason IS NULL"))
        rejects = connection.execute(
            "SELECT source_pos, bytes, reason, NULL FROM batch WHERE reason IS NOT NULL"
        ).fetchall()
        connection.execute("DROP TABLE batch")
        rejects += [(line.position, line.length, "unconvertible", line.detail) for line in failed]
        return _without_empty(events), [self._reject(chunk, *reject) for reject in sorted(rejects)]

    @staticmethod
    def _reject(chunk: Chunk, position: int, length: int, reason: str, detail: str | None) -> Reject:
        """With the bytes of the file, not the mended text."""
        index = int(np.searchsorted(chunk.records.starts, position - chunk.span.from_pos))
        if "unterminated" in chunk.records.notes.get(index, {}):
            reason, detail = "unterminated", ": ".join(filter(None, (reason, detail)))
        return Reject(position, length, reason, detail, chunk.records.text(index))

    def _note_mended(self, chunk: Chunk) -> None:
        notes = chunk.records.notes
        if not notes:
            return
        positions = chunk.records.starts[list(notes)] + chunk.span.from_pos
        texts = [orjson.dumps(note).decode() for note in notes.values()]
        self._connection.register("notes", pa.table({"pos": positions.astype(np.uint64), "note": texts}))
        self._connection.execute(
            "UPDATE batch SET attributes = json_merge_patch(coalesce(attributes, '{}'), note) "
            "FROM notes WHERE source_pos = pos"
        )
        self._connection.unregister("notes")

    def _fill_times(self, chunk: Chunk, taken: pa.Table | None) -> None:
        """Give a record without a time that of the record before it in the file, else the file's, and say so."""
        connection = self._connection
        [(missing,)] = connection.execute("SELECT count(*) FROM batch WHERE ts IS NULL AND reason IS NULL").fetchall()
        if missing:
            known = "SELECT source_pos, ts FROM batch WHERE ts IS NOT NULL"
            if taken is not None:
                connection.register("taken", taken.select(["source_pos", "ts"]))
                known += " UNION ALL SELECT source_pos, ts FROM taken"
            connection.execute(f"CREATE OR REPLACE TEMP TABLE known_times AS {known}")
            connection.execute(_FILL, {"before": self._before(chunk), "modified_at": chunk.context.modified_at})
            connection.execute("DROP TABLE known_times")
            if taken is not None:
                connection.unregister("taken")

    def _before(self, chunk: Chunk) -> datetime | None:
        """The time of the record before the chunk; the chunk before it may not be in the store yet."""
        span = chunk.span
        position, microseconds = self._times.get(span.source_id, (None, None))
        if position == span.from_pos:
            return _moment(microseconds)
        return self._last_time(span.source_id) if span.from_pos else None

    def _remember(self, chunk: Chunk, events: pa.Table) -> None:
        """Keep the time of the source's last record; asking the store for it takes as long as the store is large."""
        span = chunk.span
        position, time = self._times.pop(span.source_id, (0, None))
        if len(events):
            last = int(np.argmax(events["source_pos"].to_numpy()))
            position, time = span.from_pos, events["ts"].cast(pa.int64())[last].as_py()
        if position == span.from_pos:
            _keep(self._times, span.source_id, (span.to_pos, time))


def _moment(microseconds: int | None) -> datetime | None:
    if microseconds is None or abs(microseconds) >= _FARTHEST_US:
        return None
    return _EPOCH + timedelta(microseconds=microseconds)


def _keep(kept: dict[int, _T], source: int, value: _T) -> None:
    """Remember something of a source, and forget that of the one that was not met for the longest time."""
    kept.pop(source, None)
    kept[source] = value
    if len(kept) > _SOURCES_KEPT:
        del kept[next(iter(kept))]


def _scanned_rows(chunk: Chunk, found: Scanned) -> pa.Table:
    places = {
        "source_id": pa.repeat(pa.scalar(chunk.span.source_id, pa.int32()), len(found.taken)),
        "source_pos": pa.array((chunk.records.starts[found.taken] + chunk.span.from_pos).astype(np.uint64)),
    }
    return pa.table(found.columns | places)


def _torn(chunk: Chunk, indices: Positions) -> Iterator[Reject]:
    records, places = chunk.records, chunk.records.starts[indices] + chunk.span.from_pos
    for index, position, length in zip(indices, places.tolist(), records.lengths[indices].tolist(), strict=True):
        yield Reject(position, length, MALFORMED, None, records.text(index))


def _joined(taken: pa.Table, rest: pa.Table) -> pa.Table:
    """Both in one."""
    fields = [taken.schema.field(field.name) if field.name in taken.column_names else field for field in rest.schema]
    return pa.concat_tables([taken, rest.cast(pa.schema(fields))], promote_options="default")


def _without_empty(events: pa.Table) -> pa.Table:
    """Without columns that are NULL throughout, as most are: each costs time in what follows."""
    return events.drop_columns(
        [name for name in events.column_names if name in _SELDOM and events[name].null_count == len(events)]
    )


def which_begin(
    connection: duckdb.DuckDBPyConnection, records: Records, format_: Format
) -> npt.NDArray[np.bool_] | None:
    """Which lines begin a record of the format, None where each does."""
    continues = format_.continues("raw", "before")
    if continues is None:
        return None
    if format_.scan and (begins := format_.scan.begins(records)) is not None:
        return begins
    mended = records.piece(0, len(records.starts))
    mend(mended)  # DuckDB may hang on bytes that are no UTF-8
    connection.register("candidates", mended.table(0))
    try:
        found = connection.execute(
            f"SELECT coalesce(NOT ({continues}), true) AS begins"
            " FROM (SELECT raw, lag(raw) OVER () AS before FROM candidates)"
        ).fetchnumpy()
    finally:
        connection.unregister("candidates")
    return np.asarray(found["begins"], dtype=np.bool_)


def _with_json(events: pa.Table) -> pa.Table:
    """With the attributes marked as the JSON that they are, so that DuckDB does not parse them to see."""
    index = events.schema.get_field_index("attributes")
    marked = [pa.ExtensionArray.from_storage(pa.json_(), piece) for piece in events.column(index).chunks]
    return events.set_column(index, "attributes", pa.chunked_array(marked, pa.json_()))


_FILL = """
UPDATE batch SET
    ts = coalesce(found.ts, $before, $modified_at),
    attributes = json_merge_patch(
        coalesce(attributes, '{}'),
        json_object('time_inferred',
            CASE WHEN coalesce(found.ts, $before) IS NULL THEN 'file_modified' ELSE 'record_before' END))
FROM (
    SELECT missing.source_pos, known_times.ts
    FROM (SELECT source_pos FROM batch WHERE ts IS NULL AND reason IS NULL) AS missing
    ASOF LEFT JOIN known_times ON missing.source_pos >= known_times.source_pos
) AS found
WHERE batch.source_pos = found.source_pos
"""


def _finished(chunk: Chunk, selection: str) -> str:
    """The selection with the defaults of the source and the severity, in the order of `events`."""
    return f"""
        SELECT {", ".join(EVENT_COLUMNS)}, reason
        FROM (
            SELECT {_PLAIN_COLUMNS}, coalesce(service, {text_literal(chunk.service)}) AS service,
                ({_SEVERITY})::UTINYINT AS severity,
                coalesce(stream, CASE WHEN {_SEVERITY} >= {ERROR_SEVERITY} THEN 'error' ELSE 'app' END) AS stream,
                attributes, {chunk.span.source_id} AS source_id, pos AS source_pos, bytes, reason::VARCHAR AS reason
            FROM ({selection})
        )
    """

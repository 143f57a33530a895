"""Rejected lines through the parser once more, after it was mended: those that are events by now become events.

Each keeps its source and position; the reject goes, and the ledger says so, in the transaction that inserts the event.
What fails again stays as it was.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logpipe.ingest.files.source import Span
from logpipe.ingest.formats import Format, format_named
from logpipe.ingest.formats.base import Context, Headed
from logpipe.ingest.loading.chunk import Batch, Chunk
from logpipe.ingest.loading.convert import Converter
from logpipe.ingest.loading.prepare import prepared
from logpipe.ingest.options import Options
from logpipe.ingest.scanning.lines import Positions, Records
from logpipe.store import Store, rollup
from logpipe.store.mining import mine_entering

_PIECE_LINES: Final = 50_000
_PIECE_BYTES: Final = 32 << 20

NOT_LINES: Final = ("line_too_long", "continues_taken_line", "hole")
"""Reasons of rejects that no parser can make whole: what is kept of them is not the line."""

_NEXT: Final = """
SELECT source_pos::BIGINT, bytes::BIGINT, raw
FROM (
    SELECT source_pos, bytes, raw,
        sum(octet_length(raw)) OVER (ORDER BY source_pos) - octet_length(raw) AS before
    FROM rejects
    WHERE source_id = $source AND source_pos > $after AND ($reason IS NULL OR reason = $reason)
        AND NOT list_contains($not_lines, reason)
)
WHERE before < $most
ORDER BY source_pos
LIMIT $limit
"""

# A record without a time has that of the record before it in the file, which the batch does not hold.
_FILL_TIMES: Final = """
UPDATE retried SET
    ts = found.ts, attributes = json_merge_patch(retried.attributes, '{"time_inferred":"record_before"}')
FROM (
    SELECT timeless.source_pos, events.ts
    FROM (SELECT source_id, source_pos FROM retried
          WHERE json_extract_string(attributes, '$.time_inferred') IN ('record_before', 'file_modified')) AS timeless
    ASOF JOIN events ON timeless.source_id = events.source_id AND timeless.source_pos > events.source_pos
) AS found
WHERE retried.source_pos = found.source_pos
"""

_ACCOUNT: Final = """
UPDATE ledger SET
    events = ledger.events + counted.events,
    divided = ledger.divided + counted.events - counted.lines,
    rejects = ledger.rejects - counted.lines
FROM (
    SELECT ledger_id, count(*) AS events, count(DISTINCT of_line) AS lines
    FROM retried JOIN places ON source_pos = pos JOIN ledger
        ON ledger.source_id = retried.source_id AND source_pos >= from_pos AND source_pos < to_pos
    GROUP BY ledger_id
) AS counted
WHERE ledger.ledger_id = counted.ledger_id
"""


_HEADERS: Final = """
SELECT headers.message
FROM unnest($positions) AS rejected (pos) ASOF LEFT JOIN (
    SELECT source_pos::BIGINT AS pos, message FROM events
    WHERE source_id = $source AND regexp_matches(message, $header)
) AS headers ON rejected.pos > headers.pos
ORDER BY rejected.pos
"""


@dataclass(slots=True)
class Retried:
    """What a retry did."""

    tried: int = 0
    events: int = 0
    """Lines that are events now."""
    not_lines: int = 0
    """Rejects left alone, see `NOT_LINES`."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some rejects of one source."""

    source_id: int
    positions: list[int]
    lengths: list[int]
    raws: list[bytes]


def retry(store: Store, options: Options, reason: str | None = None) -> Retried:
    """Parse the rejects again, those of `reason` only where given, in `options.format` or in that of their source.

    Likewise in its time zone.

    Raises:
        InputError: there is no such format or time zone.
        StoreError: the store refused; what was committed is right.
    """
    options.check()
    done = Retried()
    for source_id, its_format, service, its_zone, modified_at in store.execute(
        "SELECT source_id, format, service, time_zone, coalesce(modified_at, first_seen_at) FROM sources "
        "SEMI JOIN rejects USING (source_id) ORDER BY source_id"
    ):
        format_ = format_named(options.format or its_format, options.formats)
        if format_ is not None:
            context = Context(modified_at, options.time_zone or its_zone)
            _retry_source(store, source_id, format_, service, context, reason, done)
    [(done.not_lines,)] = store.execute(
        "SELECT count(*) FROM rejects WHERE list_contains(?, reason)", [list(NOT_LINES)]
    )
    return done


def _retry_source(
    store: Store, source_id: int, format_: Format, service: str, context: Context, reason: str | None, done: Retried
) -> None:
    converter = Converter(_no_time, rollup.operations(store.connection))
    try:
        for whole in _pieces(store, source_id, reason):
            for header, piece in _by_header(store, whole, format_):
                chunk = _chunk(piece, format_, service, replace(context, header=header))
                places = _places(piece, chunk.records)
                events, lines_of_them = _whole(converter.convert(chunk), places)
                done.tried += len(piece.positions)
                if lines_of_them:
                    _load(store, piece.source_id, places, events)
                    done.events += lines_of_them
    finally:
        converter.close()


def _no_time(_source_id: int) -> datetime | None:
    return None


def _pieces(store: Store, source_id: int, reason: str | None) -> Iterator[_Piece]:
    after = -1
    while True:
        rows = store.execute(
            _NEXT,
            {
                "source": source_id,
                "after": after,
                "reason": reason,
                "not_lines": list(NOT_LINES),
                "most": _PIECE_BYTES,
                "limit": _PIECE_LINES,
            },
        )
        if not rows:
            return
        positions, lengths, raws = (list(column) for column in zip(*rows, strict=True))
        after = positions[-1]
        yield _Piece(source_id, positions, lengths, raws)


def _by_header(store: Store, piece: _Piece, format_: Format) -> Iterator[tuple[str | None, _Piece]]:
    """The piece, cut where another event of the source says how the lines behind it are to be read."""
    if not isinstance(format_, Headed):
        yield None, piece
        return
    known = {"positions": piece.positions, "source": piece.source_id, "header": format_.header}
    headers = [header for (header,) in store.execute(_HEADERS, known)]
    at = 0
    for header, same in groupby(headers):
        part = slice(at, at + len(list(same)))
        yield header, _Piece(piece.source_id, piece.positions[part], piece.lengths[part], piece.raws[part])
        at = part.stop


def _chunk(piece: _Piece, format_: Format, service: str, context: Context) -> Chunk:
    """The rejects, one after the other, as a chunk that begins at 0; a record may span lines, and stays one."""
    starts = _starts(piece)
    sizes = np.array([len(raw) for raw in piece.raws], np.int64)
    records = Records(
        memoryview(b"\n".join(piece.raws) + b"\n"),
        starts,
        starts + sizes,
        np.array(piece.lengths, np.int64),
        starts,
        np.empty(0, np.int64),
    )
    [records] = prepared(records, format_)
    size = int(starts[-1] + sizes[-1]) + 1
    span = Span(piece.source_id, 0, size, len(starts), 0, 0, records.divided, 0, b"", b"")
    return Chunk(span, format_, service, context, records)


def _starts(piece: _Piece) -> Positions:
    sizes = np.array([len(raw) + 1 for raw in piece.raws], np.int64)
    return np.cumsum(sizes) - sizes


def _places(piece: _Piece, records: Records) -> pa.Table:
    """Where each record of the chunk stands in the file, and the line, so that those cut from one can be told."""
    starts = _starts(piece)
    line = np.searchsorted(starts, records.starts, side="right") - 1
    of_line = np.array(piece.positions, np.int64)[line]
    at, pos = records.starts, of_line + records.starts - starts[line]
    columns = {"at": at, "pos": pos, "of_line": of_line}
    return pa.table({name: column.astype(np.uint64) for name, column in columns.items()})


def _whole(batch: Batch, places: pa.Table) -> tuple[pa.Table, int]:
    """The events of those lines that hold no reject any more, and how many lines these are."""
    rejected = pa.array([reject.position for reject in batch.rejects], pa.uint64())
    of_rejects = places.filter(pc.is_in(places["at"], rejected))["of_line"]
    good = places.filter(pc.invert(pc.is_in(places["of_line"], of_rejects)))
    events = batch.events.filter(pc.is_in(batch.events["source_pos"], good["at"]))
    return events, pc.count_distinct(good["of_line"]).as_py()


def _load(store: Store, source_id: int, places: pa.Table, events: pa.Table) -> None:
    store.connection.register("new_events", events)
    store.connection.register("places", places)
    try:
        with store.transaction() as connection:
            _move(connection, source_id)
    finally:
        store.connection.unregister("new_events")
        store.connection.unregister("places")


def _move(connection: duckdb.DuckDBPyConnection, source_id: int) -> None:
    connection.execute("CREATE OR REPLACE TEMP TABLE retried AS FROM events LIMIT 0")
    connection.execute("INSERT INTO retried BY NAME FROM new_events")
    connection.execute("UPDATE retried SET source_pos = places.pos FROM places WHERE retried.source_pos = places.at")
    connection.execute(_FILL_TIMES)
    connection.execute("INSERT INTO events FROM retried")
    connection.execute(
        "DELETE FROM rejects WHERE source_id = ? AND source_pos IN (SELECT source_pos FROM retried)", [source_id]
    )
    connection.execute(_ACCOUNT)
    rollup.roll_up(connection, "retried")
    mine_entering(connection, "retried")
    connection.execute("DROP TABLE retried")

"""How much of a file is in the store already, where it is what is left of a source, or a damaged one made whole.

Such a file does not hold all that was read, so that the hashes of the ledger prove the part up to one of its entries;
behind that rows are made of the lines once more and compared with those that are stored.
"""

import sys
from dataclasses import replace
from hashlib import sha256

from logpipe.ingest.files.discovery import LogFile
from logpipe.ingest.files.ending import Ending
from logpipe.ingest.files.fingerprint import Segment
from logpipe.ingest.files.flow import Flow
from logpipe.ingest.files.reader import Reader
from logpipe.ingest.files.source import Source
from logpipe.ingest.loading.chunk import Batch
from logpipe.ingest.loading.chunk_maker import ChunkMaker
from logpipe.ingest.loading.convert import Converter
from logpipe.ingest.loading.cut import Cut
from logpipe.ingest.options import Options
from logpipe.store import Store
from logpipe.store.rollup import operations
from logpipe.store.withdrawal import withdrawn

_PIECE = 1 << 20
_LEAST_PROOF = 64 << 10


def common_lines(store: Store, reader: Reader, file: LogFile, source: Source, options: Options) -> int:
    """The length of the lines that the file begins with and that are in the store, as the source's; 0 for none."""
    start, bound = _proven(store, reader, source)
    if start == bound:
        return start
    end, converter = start, Converter(lambda _: None, operations(store.connection))
    try:
        # The head of the source may be longer than what is left of it.
        again = replace(source, offset=start, tail_hash=None, segment=None, head_bytes=0, head_hash=_NO_HEAD)
        make = ChunkMaker(again, file, options, Ending(whole_record=True, whole_line=False))
        for chunk in Cut(Flow(reader, start), again, make, converter.begins, bound):
            until = min(bound, chunk.span.to_pos)
            different = _first_difference(store, converter.convert(chunk), until)
            if different is not None:
                return different
            end = until
    finally:
        converter.close()
    return end


_NO_HEAD = sha256(b"").digest()


def is_mended(store: Store, reader: Reader, file: LogFile, source: Source, common: int) -> bool:
    """Whether a whole file stands in the place of the source's damaged one, and has all that was right in that.

    `common` is how much of it is in the store. Too little may be the heading of any file.
    """
    if file.path != source.path or reader.compression is None or common < _LEAST_PROOF:
        return False
    reader.seek(sys.maxsize)
    return not _has_expired(store, source.source_id) and reader.damage is None


def _has_expired(store: Store, source_id: int) -> bool:
    return bool(store.execute("SELECT 1 FROM expired WHERE source_id = ? LIMIT 1", [source_id]))


def withdraw(store: Store, source: Source) -> None:
    """Take away all rows of a damaged file: what a decoder makes of damage may be wrong lines between right ones."""
    with store.transaction() as connection, withdrawn(connection, source.source_id):
        connection.execute("DELETE FROM gaps WHERE source_id = ? AND reason = 'damaged'", [source.source_id])
        connection.execute("UPDATE sources SET state = 'gone' WHERE source_id = ?", [source.source_id])
    source.state, source.offset, source.ranges, source.tail_hash = "gone", 0, [], None


def _proven(store: Store, reader: Reader, source: Source) -> tuple[int, int]:
    """How far the file holds what the ledger says, and where the first entry ends that it does not hold."""
    entries = store.execute(
        "SELECT hash_from, to_pos, range_hash FROM ledger WHERE source_id = ? ORDER BY to_pos", [source.source_id]
    )
    if not entries or entries[0][0]:
        return 0, 0  # it began as a copy itself
    segment, proven = Segment(0), 0
    reader.seek(0)
    for hash_from, end, range_hash in entries:
        if segment.start != hash_from:
            segment = Segment(hash_from)
        while segment.end < end:
            buffer = memoryview(bytearray(min(_PIECE, end - segment.end)))
            count = reader.read_into(buffer)
            if not count:
                return proven, end
            segment.add(buffer[:count])
        if segment.digest() != range_hash:
            return proven, end
        proven = end
    return proven, proven


def _first_difference(store: Store, batch: Batch, until: int) -> int | None:
    """Where, before `until`, the first row begins that the store has not, or has and the batch has not.

    What the store has not may have been removed by retention.
    """
    connection, names = store.connection, ", ".join(batch.events.column_names)
    connection.execute("CREATE OR REPLACE TEMP TABLE made_again AS FROM events LIMIT 0")
    connection.register("new_events", batch.events)
    connection.execute(f"INSERT INTO made_again ({names}) SELECT {names} FROM new_events")
    connection.unregister("new_events")
    stretch = [batch.span.source_id, batch.span.from_pos, until]
    removed = _has_expired(store, batch.span.source_id)
    [(event,)] = store.execute(_FIRST_OTHER_EVENT, [*stretch, removed])
    kept = store.execute(_REJECTS, stretch)
    made = [(reject.position, reject.length, reject.raw) for reject in batch.rejects if reject.position < until]
    rejects = [position for position, *_ in ({*kept} - {*made} if removed else {*kept} ^ {*made})]
    connection.execute("DROP TABLE made_again")
    return min([*rejects, *([] if event is None else [event])], default=None)


_FIRST_OTHER_EVENT = """
WITH
    stretch AS (SELECT * FROM events WHERE source_id = $1 AND source_pos >= $2 AND source_pos < $3),
    made AS (SELECT * REPLACE ($1::INTEGER AS source_id) FROM made_again WHERE source_pos < $3)
SELECT min(source_pos)::BIGINT
FROM (
    (SELECT * FROM (FROM made EXCEPT ALL FROM stretch) WHERE NOT $4)
    UNION ALL (FROM stretch EXCEPT ALL FROM made)
)
"""
_REJECTS = """
SELECT source_pos::BIGINT, bytes::BIGINT, raw
FROM rejects WHERE source_id = $1 AND source_pos >= $2 AND source_pos < $3
"""

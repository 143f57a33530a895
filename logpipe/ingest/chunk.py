"""What passes between reading, converting and loading: a chunk of a file, then its rows."""

from dataclasses import dataclass
from hashlib import sha256

import pyarrow as pa

from logpipe.ingest.formats.base import Context, Format
from logpipe.ingest.lines import Records

TAIL_BYTES = 4096
"""How much before an offset is hashed, so that a file can be known again by it."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that is kept, whole, with the reason why it is no event."""

    position: int
    length: int
    reason: str
    detail: str | None
    raw: bytes


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
    surplus: tuple[Reject, ...] = ()
    """Lines that never became records, such as one too long. Counted as lines of their own."""

    @property
    def lines(self) -> int:
        return self.records.lines + len(self.surplus)


@dataclass(frozen=True, slots=True)
class Batch:
    """A chunk as rows."""

    chunk: Chunk
    events: pa.Table
    """With columns of `events`, attributes as text; those left out are NULL."""
    cells: pa.Table
    """What the events add to the roll-ups, see `logpipe.store.rollup`."""
    rejects: tuple[Reject, ...]
    """Of the records and of the surplus."""


def digest(data: bytes | bytearray | memoryview) -> bytes:
    """128 bits of SHA-256: by these a file's bytes are known again."""
    return sha256(data).digest()[:16]

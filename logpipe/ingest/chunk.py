"""What passes between reading, converting and loading: a chunk of a file, then its rows."""

from dataclasses import dataclass

import pyarrow as pa
from blake3 import blake3

from logpipe.ingest.formats.base import Context, Format
from logpipe.ingest.groups import Grouped
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
class Span:
    """A stretch of a source's bytes: what the ledger says of it, but for what became of its records."""

    source_id: int
    from_pos: int
    to_pos: int
    lines: int
    joined: int
    blanks: int
    hash_from: int
    range_hash: bytes
    """`digest` of the bytes from `hash_from` to `to_pos`."""
    tail_hash: bytes
    """`digest` of the bytes before `to_pos`, at most `TAIL_BYTES`."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """The records of a span, and what their source is."""

    span: Span
    format: Format
    service: str
    """For records that name none."""
    context: Context
    records: Records
    surplus: tuple[Reject, ...] = ()
    """Lines that never became records, such as one too long. They count as lines of the span."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A chunk as rows."""

    span: Span
    events: pa.Table
    """With columns of `events`; those left out are NULL."""
    uncounted: "Uncounted"
    """The events once more, as far as they are put together for the roll-ups."""
    rejects: tuple[Reject, ...]
    """Of the records and of the surplus."""

    @property
    def entry(self) -> "Entry":
        """What becomes of its span."""
        return Entry(self.span, len(self.events), len(self.rejects))


@dataclass(frozen=True, slots=True)
class Uncounted:
    """Events that are not in the roll-ups yet: groups of them, and single ones."""

    grouped: Grouped | None
    single: pa.Table | None


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of a span: what the ledger says."""

    span: Span
    events: int
    rejects: int


DIGEST_BYTES = 16

_SEGMENT_BYTES = 16 << 20


class Segment:
    """A hash that goes on over small chunks: what came in drop by drop is known again by a few hashes."""

    def __init__(self, start: int) -> None:
        self.start = self.end = start
        self._hash = blake3()

    @property
    def full(self) -> bool:
        """Whether what comes next belongs to a new one."""
        return self.end - self.start >= _SEGMENT_BYTES

    def add(self, data: bytes | bytearray | memoryview) -> None:
        self._hash.update(data)
        self.end += len(data)

    def digest(self) -> bytes:
        """`digest` of all bytes from `start` to `end`."""
        return self._hash.digest(DIGEST_BYTES)


def digest(data: bytes | bytearray | memoryview) -> bytes:
    """BLAKE3 of some bytes, by which they are known again: 128 bits, in a fraction of the time of SHA-256."""
    return blake3(data).digest(DIGEST_BYTES)

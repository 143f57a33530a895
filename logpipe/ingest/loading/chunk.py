"""What passes between reading, converting and loading: a chunk of a file, then its rows."""

from dataclasses import dataclass

import pyarrow as pa

from logpipe.ingest.files.source import Span
from logpipe.ingest.formats.base import Context, Format
from logpipe.ingest.scanning.groups import Grouped
from logpipe.ingest.scanning.lines import Records


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
    text_bytes: int
    """Of the records; more than those of the span where what stands around many records is repeated in each."""

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

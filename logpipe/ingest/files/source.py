"""A source: one generation of a log file, as far as it was read."""

import time
from dataclasses import dataclass, field
from hashlib import sha256

from logpipe.ingest.files.discovery import LogFile
from logpipe.ingest.files.fingerprint import Segment
from logpipe.ingest.files.reader import Compression


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a source's bytes: what the ledger says of it, but for what became of its records."""

    source_id: int
    from_pos: int
    to_pos: int
    lines: int
    joined: int
    blanks: int
    divided: int
    """Records beyond the first of their line."""
    hash_from: int
    range_hash: bytes
    """`digest` of the bytes from `hash_from` to `to_pos`."""
    tail_hash: bytes
    """`digest` of the bytes before `to_pos`, at most `TAIL_BYTES`."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The end of a file that is not taken yet: a line without its newline, or a record that may go on."""

    tail: bytes
    """What stands before it, at most `TAIL_BYTES`."""
    data: bytes


@dataclass(frozen=True, slots=True)
class Copied:
    """What a file has of a source: its first bytes."""

    original: "Source"
    length: int
    hash: bytes
    """`digest` of these bytes."""


@dataclass(slots=True)
class Source:
    """One file generation, as the store knows it."""

    source_id: int
    path: str
    family: str
    generation: int
    device: int | None
    inode: int | None
    size: int
    modified_ns: int
    head_bytes: int
    head_hash: bytes
    """SHA-256 of the first bytes."""
    compression: Compression | None
    format: str
    service: str
    time_zone: str
    """Of times that name none."""
    state: str
    format_chosen: bool
    """By a user, and not detected."""
    copied_from: int | None = None
    """The source that it began as a copy of."""
    copied_bytes: int = 0
    """How much of it that one has."""
    offset: int = 0
    """The first byte that is not in the store yet."""
    tail_hash: bytes | None = None
    ranges: list[tuple[int, int, bytes]] = field(default_factory=list)
    """(from, to, hash) of everything up to the offset, in order: what was read, and before that what was copied."""
    segment: Segment | None = None
    """The hash that the next entry of the ledger may go on with."""
    waiting: Waiting | None = None
    """Kept in memory, for when the file is overwritten before it goes on."""
    waiting_bytes: int = 0
    looked_at: float | None = None
    """When the file was last read to its end, on the monotonic clock."""
    changed_at: float = field(default_factory=time.monotonic)
    """When its size or date was last found changed, on the monotonic clock."""
    judged_lines: int = 0
    """By how many lines this ingest has detected its format."""
    noted_at: float = 0.0
    noted: bool = True
    """Whether the store knows where and how the file was last seen."""

    @property
    def identity(self) -> tuple[int | None, int | None]:
        return self.device, self.inode

    def untouched(self, file: LogFile) -> bool:
        """Whether nothing about the file has changed since it was last read."""
        return (self.size, self.modified_ns, self.inode, self.device) == (
            file.size,
            file.modified_ns,
            file.inode,
            file.device,
        )

    def begins(self, head: "Head") -> bool:
        """Whether a file with this head begins as the source does."""
        return head.hash_of(self.head_bytes) == self.head_hash

    @property
    def withdrawn(self) -> bool:
        """Whether nothing of it is in the store any more, so that any file would seem to hold it."""
        return self.state == "gone" and self.offset == 0

    @property
    def only_copied(self) -> bool:
        """Whether nothing was read of it but what is another source's."""
        return 0 < self.offset == self.copied_bytes

    def advance(self, span: Span) -> None:
        """Take note that a span is in the store."""
        self.enter(span.hash_from, span.to_pos, span.range_hash, span.tail_hash)

    def enter(self, hash_from: int, end: int, range_hash: bytes, tail_hash: bytes | None) -> None:
        """Take note of a ledger entry."""
        self.offset, self.tail_hash = end, tail_hash
        if self.ranges and self.ranges[-1][0] == hash_from:
            self.ranges.pop()
        self.ranges.append((hash_from, end, range_hash))

    def inherit(self, copied: Copied) -> None:
        """Begin behind a copy of another source.

        It is known by a hash of its own: the entries of the original end elsewhere, and others when it is read again.
        """
        self.copied_from, self.copied_bytes = copied.original.source_id, copied.length
        self.offset, self.tail_hash = copied.length, None
        self.ranges = [(0, copied.length, copied.hash)]

    def exhausted(self, file: LogFile) -> bool:
        """Whether all bytes of the file, as it is now, are in the store."""
        return self.state == "complete" if self.compression else self.offset == file.size


class Head:
    """The first bytes of a file, and the hashes by which they are compared with those of sources."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._hashes: dict[int, bytes] = {}

    def hash_of(self, size: int) -> bytes | None:
        """The hash of the first `size` bytes; None where there are fewer."""
        if size > len(self.data):
            return None
        if size not in self._hashes:
            self._hashes[size] = sha256(self.data[:size]).digest()
        return self._hashes[size]

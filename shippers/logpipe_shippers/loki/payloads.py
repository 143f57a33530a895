"""Entries packed into payloads of Loki's push API, each under a size measured on its encoded bytes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import orjson

from logpipe_shippers.loki.entries import Entry

MAX_LINE_BYTES: Final = 262_144
"""Of a line in UTF-8, by Loki's default; a longer one is cut and says so."""
DEFAULT_BATCH_BYTES: Final = 1_000_000
MIN_BATCH_BYTES: Final = 262_144
"""Holds the metadata of any entry, though each character may become six in JSON's escapes, and a piece of its line."""

_ENVELOPE: Final = len(b'{"streams":[]}')
_STREAM: Final = len(b'{"stream":,"values":[]},')
_ESCAPE: Final = 6  # bytes of \u0000, the longest form that one byte of UTF-8 takes in JSON


@dataclass(frozen=True, slots=True)
class Payload:
    """The body of one push."""

    body: bytes
    """JSON on one line, without a newline."""
    lines: int
    first_ns: int
    """Time of its first entry, in nanoseconds since 1970."""


@dataclass(slots=True)
class _Batch:
    first_ns: int
    size: int = _ENVELOPE
    lines: int = 0
    values: dict[bytes, list[bytes]] = field(default_factory=dict)
    """Encoded entries by encoded label set."""

    def added_by(self, labels: bytes, value: bytes) -> int:
        """How many bytes the entry would add, at most."""
        return len(value) + 1 + (0 if labels in self.values else _STREAM + len(labels))

    def add(self, labels: bytes, value: bytes) -> None:
        self.size += self.added_by(labels, value)
        self.lines += 1
        self.values.setdefault(labels, []).append(value)

    def close(self) -> Payload:
        streams = b",".join(
            b'{"stream":%b,"values":[%b]}' % (labels, b",".join(values)) for labels, values in self.values.items()
        )
        return Payload(b'{"streams":[%b]}' % streams, self.lines, self.first_ns)


def payloads(entries: Iterable[Entry], batch_bytes: int = DEFAULT_BATCH_BYTES) -> Iterator[Payload]:
    """Pack `entries`, which keep their order, into bodies of at most `batch_bytes` bytes.

    An entry that would not fit a body of its own has its line cut, which the line then says.

    Raises:
        ValueError: `batch_bytes` is under `MIN_BATCH_BYTES`.
    """
    if batch_bytes < MIN_BATCH_BYTES:
        raise ValueError(f"batch_bytes is {batch_bytes}, the least is {MIN_BATCH_BYTES}")
    batch: _Batch | None = None
    for entry in entries:
        value = _encode(entry, batch_bytes - _ENVELOPE - _STREAM - len(entry.labels) - 1)
        if batch is not None and batch.size + batch.added_by(entry.labels, value) > batch_bytes:
            yield batch.close()
            batch = None
        if batch is None:
            batch = _Batch(entry.ns)
        batch.add(entry.labels, value)
    if batch is not None:
        yield batch.close()


def _encode(entry: Entry, limit: int) -> bytes:
    """The entry as a member of `values`, within `limit` bytes."""
    ns, metadata = str(entry.ns), entry.metadata
    value = orjson.dumps((ns, _cut(entry.line, MAX_LINE_BYTES), metadata))
    if len(value) <= limit:
        return value
    rest = len(orjson.dumps((ns, "", metadata)))
    return orjson.dumps((ns, _cut(entry.line, (limit - rest) // _ESCAPE), metadata))


def _cut(text: str, limit: int) -> str:
    """`text`, or its beginning and a marker with its whole length, within `limit` bytes of UTF-8."""
    if len(text) * 4 <= limit:
        return text
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    marker = f"… [cut by logpipe, {len(encoded)} bytes]"
    return encoded[: limit - len(marker.encode())].decode(errors="ignore") + marker

"""Rows of one read as bodies of push requests: encoded together, by stream and time, and cut where a body is full."""

import gzip
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import cramjam
import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from logpipe_shippers.loki.metadata import packed
from logpipe_shippers.loki.native import encode
from logpipe_shippers.loki.rows import LABELLED, MAX_LABEL_CHARACTERS, METADATA, Rows
from logpipe_shippers.loki.settings import Limits
from logpipe_shippers.loki.streams import Assigned, Labels

HEADERS: Final = {
    "protobuf": {"Content-Type": "application/x-protobuf"},
    "json": {"Content-Type": "application/json", "Content-Encoding": "gzip"},
}
_COMPRESSION_LEVEL: Final = 5


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of one stream that go into a body together, in the order of time."""

    stream: int
    begin: int
    """Into `Encoded.order`."""
    end: int

    def __len__(self) -> int:
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class Encoded:
    """Entries by stream and time."""

    format: str
    labels: Sequence[Labels]
    order: npt.NDArray[np.int64]
    """Row numbers."""
    streams: npt.NDArray[np.int64]
    """Of each entry."""
    entries: bytes
    ends: npt.NDArray[np.int64]

    def parts(self, most_bytes: int) -> Iterator[list[Part]]:
        """What goes into one body each, of at most so many bytes, unless one entry alone has more."""
        yield from self.cut(
            (Part(int(self.streams[begin]), begin, end) for begin, end in _runs(self.streams)), most_bytes
        )

    def cut(self, parts: Iterable[Part], most_bytes: int) -> Iterator[list[Part]]:
        """The same of some of the entries."""
        body: list[Part] = []
        room = most_bytes
        for whole in parts:
            begin, end = whole.begin, whole.end
            overhead = self._overhead(int(self.streams[begin]))
            while begin < end:
                upto = int(np.searchsorted(self.ends[begin:end], self._begin(begin) + room - overhead, "right")) + begin
                if upto == begin and body:
                    yield body
                    body, room = [], most_bytes
                    continue
                part = Part(int(self.streams[begin]), begin, max(upto, begin + 1))
                body.append(part)
                room -= overhead + int(self.ends[part.end - 1]) - self._begin(part.begin)
                begin = part.end
        if body:
            yield body

    def size(self, part: Part) -> int:
        """Bytes of its entries."""
        return int(self.ends[part.end - 1]) - self._begin(part.begin) if len(part) else 0

    def body(self, parts: Sequence[Part]) -> bytes:
        """A request, not compressed."""
        if self.format == "json":
            return b'{"streams":[%b]}' % b",".join(self._json_stream(part) for part in parts)
        return b"".join(self._message(part) for part in parts)

    def compressed(self, body: bytes) -> bytes:
        if self.format == "json":
            return gzip.compress(body, _COMPRESSION_LEVEL, mtime=0)
        return bytes(cramjam.snappy.compress_raw(body))

    def _begin(self, entry: int) -> int:
        return int(self.ends[entry - 1]) if entry else 0

    def _overhead(self, stream: int) -> int:
        """Of a stream in a body, at most."""
        return len(self._label_bytes(stream)) + 32

    def _label_bytes(self, stream: int) -> bytes:
        labels = self.labels[stream]
        return orjson.dumps(labels.names()) if self.format == "json" else labels.selector()

    def _message(self, part: Part) -> bytes:
        entries = self.entries[self._begin(part.begin) : self._begin(part.end)]
        selector = self._label_bytes(part.stream)
        head = b"\x0a%b%b" % (_varint(len(selector)), selector)
        return b"\x0a%b%b%b" % (_varint(len(head) + len(entries)), head, entries)

    def _json_stream(self, part: Part) -> bytes:
        bounds = [self._begin(part.begin), *self.ends[part.begin : part.end].tolist()]
        values = b",".join(self.entries[begin:end] for begin, end in pairwise(bounds))
        return b'{"stream":%b,"values":[%b]}' % (self._label_bytes(part.stream), values)


def encoded(
    rows: Rows, repeats: npt.NDArray[np.int64], assigned: Assigned, limits: Limits, format_name: str
) -> Encoded:
    """The rows that have a stream."""
    ns = rows.us * 1000 + repeats
    order = np.lexsort((ns, assigned.numbers))
    order = order[np.searchsorted(assigned.numbers[order], 0) :]
    entries, ends = encode(
        order,
        ns,
        _lines(rows, limits.max_line_bytes),
        {name: rows.texts(name) for name in METADATA} | _unlabelled(rows, assigned),
        packed(rows.texts("attributes")),
        metadata_bytes=limits.max_metadata_bytes,
        metadata_entries=limits.max_metadata_entries,
        json=format_name == "json",
    )
    return Encoded(format_name, assigned.labels, order, assigned.numbers[order], entries, ends)


def _lines(rows: Rows, most_bytes: int) -> pa.StringArray:
    """The lines, those that are too long cut."""
    lines = rows.texts("entry_line")
    long = np.flatnonzero(pc.binary_length(lines).to_numpy(zero_copy_only=False) > most_bytes)
    if not len(long):
        return lines
    texts = lines.to_pylist()
    for row in long:
        texts[row] = _cut(texts[row], most_bytes)
    return pa.array(texts, pa.string())


def _cut(text: str, most_bytes: int) -> str:
    """The beginning and a marker with the whole length, within `most_bytes` of UTF-8."""
    whole = text.encode()
    marker = f"… [cut by logpipe, {len(whole)} bytes]"
    return whole[: most_bytes - len(marker.encode())].decode(errors="ignore") + marker


def _unlabelled(rows: Rows, assigned: Assigned) -> dict[str, pa.StringArray]:
    """What labels say in part, or not at all, as metadata."""
    is_other = assigned.is_other
    found = {}
    for name in LABELLED:
        texts = rows.texts(name)
        told = pc.or_(pa.array(is_other), pc.greater(pc.utf8_length(pc.fill_null(texts, "")), MAX_LABEL_CHARACTERS))
        if pc.any(told).as_py():
            found[name] = pc.if_else(told, texts, pa.scalar(None, pa.string()))
    return found


def _runs(numbers: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Beginnings and ends of equal numbers."""
    bounds = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
    yield from (pair for pair in pairwise(bounds) if pair[0] < pair[1])


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)

"""Lines that hold several records, cut into these: each event of such a line has a place of its own in the file."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from logpipe.ingest.formats.base import Format
from logpipe.ingest.formats.parts import Divided, Part
from logpipe.ingest.scanning.lines import Records


def divided(records: Records, format_: Format, most_bytes: int) -> Iterator[Records]:
    """The records of a format, those lines cut in which it finds several; to be done before anything is mended.

    The first goes from the beginning of its line, each up to the next, the last to the end of the line: so every byte
    is of one record, and no two have the same place. As each repeats what stands around all of them, they come in
    pieces of whole lines, whose texts come to no more than `most_bytes` or are those of one line.
    """
    if not isinstance(format_, Divided):
        yield records
        return
    first, size, parts = 0, 0, list[list[Part]]()
    for index in range(len(records.starts)):
        found = format_.parts(records.text(index))
        more = sum(len(part.text) for part in found)
        if parts and size + more > most_bytes:
            yield _cut(records.piece(first, index), parts)
            first, size, parts = index, 0, []
        size += more
        parts.append(found)
    yield _cut(records.piece(first, len(records.starts)), parts)


def _cut(records: Records, parts_of_lines: list[list[Part]]) -> Records:
    starts, ends, lengths, texts = list[int](), list[int](), list[int](), dict[int, bytes]()
    bounds = zip(records.starts.tolist(), records.ends.tolist(), records.lengths.tolist(), strict=True)
    for (start, end, length), parts in zip(bounds, parts_of_lines, strict=True):
        begins = [start, *(start + part.start for part in parts[1:])]
        texts |= {len(starts) + number: part.text for number, part in enumerate(parts)}
        starts += begins
        ends += [*begins[1:], end]
        lengths += np.diff([*begins, start + length]).tolist()
    return replace(
        records,
        starts=np.array(starts, np.int64),
        ends=np.array(ends, np.int64),
        lengths=np.array(lengths, np.int64),
        mended=texts,
        divided=len(starts) - len(records.starts),
    )

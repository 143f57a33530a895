"""Lines that hold several records, cut into these: each event of such a line has a place of its own in the file."""

from dataclasses import replace

import numpy as np

from logpipe.ingest.formats.base import Format
from logpipe.ingest.formats.parts import Divided
from logpipe.ingest.scanning.lines import Records


def divide(records: Records, format_: Format) -> Records:
    """The records of a format, those lines cut in which it finds several; to be done before anything is mended.

    The first goes from the beginning of its line, each up to the next, the last to the end of the line: so every byte
    is of one record, and no two have the same place.
    """
    if not isinstance(format_, Divided):
        return records
    starts, ends, lengths, texts = list[int](), list[int](), list[int](), dict[int, bytes]()
    bounds = zip(records.starts.tolist(), records.ends.tolist(), records.lengths.tolist(), strict=True)
    for index, (start, end, length) in enumerate(bounds):
        parts = format_.parts(records.text(index))
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

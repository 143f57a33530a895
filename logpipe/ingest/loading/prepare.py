"""Records as a format's SELECT takes them."""

import sys
from collections.abc import Iterator

from logpipe.ingest.formats.base import Format
from logpipe.ingest.formats.json_format import JsonFormat
from logpipe.ingest.formats.wrapped import Wrapped
from logpipe.ingest.loading.divide import divided
from logpipe.ingest.scanning.lines import Records, cut_nested, mend


def prepared(records: Records, format_: Format, most_bytes: int = sys.maxsize) -> Iterator[Records]:
    """The records, those of one line apart, their text valid, and none that a parser of JSON does not bear.

    Where a line holds several, in pieces of no more than `most_bytes`, or of one line.
    """
    outermost = format_.outer if isinstance(format_, Wrapped) else format_
    for piece in divided(records, format_, most_bytes):
        mend(piece)
        if isinstance(outermost, JsonFormat):
            cut_nested(piece)
        yield piece

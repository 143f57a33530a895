"""Records as a format's SELECT takes them."""

from logpipe.ingest.formats.base import Format
from logpipe.ingest.formats.json_format import JsonFormat
from logpipe.ingest.formats.wrapped import Wrapped
from logpipe.ingest.loading.divide import divide
from logpipe.ingest.scanning.lines import Records, cut_nested, mend


def prepared(records: Records, format_: Format) -> Records:
    """The records, those of one line apart, their text valid, and none that a parser of JSON does not bear."""
    records = divide(records, format_)
    mend(records)
    outermost = format_.outer if isinstance(format_, Wrapped) else format_
    if isinstance(outermost, JsonFormat):
        cut_nested(records)
    return records

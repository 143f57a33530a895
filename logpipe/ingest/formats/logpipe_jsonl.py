"""The record as the emitter writes it: one flat JSON object a line, with the keys of `logpipe.record`."""

from collections.abc import Mapping

from logpipe.ingest.formats.json_format import JsonFormat, candidates
from logpipe.ingest.scanning.scanner import scan_json
from logpipe.record import FIELDS, STREAMS


def _is_record(line: Mapping[str, object]) -> bool:
    return line.get("stream") in STREAMS and "timestamp" in line and "level" in line


LOGPIPE_JSONL = JsonFormat(
    name="logpipe",
    title="logpipe's own JSON lines",
    columns={field.column: candidates(field.key) for field in FIELDS},
    marks=_is_record,
    scan=scan_json,
)

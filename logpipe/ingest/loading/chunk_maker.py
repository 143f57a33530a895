"""Chunks of one source, from what is cut out of its flow, hashed as they are made."""

from collections.abc import Mapping
from datetime import UTC, datetime

from logpipe.errors import InputError
from logpipe.ingest.files.discovery import LogFile
from logpipe.ingest.files.ending import Ending
from logpipe.ingest.files.fingerprint import Segment, digest
from logpipe.ingest.files.flow import Flow
from logpipe.ingest.files.source import Source, Span
from logpipe.ingest.formats import format_named
from logpipe.ingest.formats.base import Context, Format
from logpipe.ingest.loading.chunk import Chunk, Reject
from logpipe.ingest.options import Options
from logpipe.ingest.scanning.lines import Records


class ChunkMaker:
    """Chunks of one source, from what was cut out of its flow."""

    def __init__(self, source: Source, file: LogFile, options: Options, ending: Ending) -> None:
        self.file = file
        self.ending = ending
        self.format = _known(source, options.formats)
        self._source, self._service = source, source.service
        if source.segment is not None and source.segment.end != source.offset:
            source.segment = None  # it went ahead of what could be committed
        self._context = Context(datetime.fromtimestamp(file.modified_ns / 1e9, UTC), source.time_zone)

    def __call__(self, flow: Flow, size: int, records: Records, *surplus: Reject) -> Chunk:
        """Take `size` bytes off the flow as a chunk."""
        start = flow.position
        self.hash(start, flow.data[:size])
        flow.advance(size)
        return self.entry(flow, start, records, *surplus)

    def hash(self, start: int, data: memoryview) -> None:
        """Hash the next bytes of an entry that begins at `start`; a new one goes on with the hash of the last."""
        segment = self._source.segment
        if segment is None or (segment.end == start and segment.full):
            segment = self._source.segment = Segment(start)
        segment.add(data)

    def entry(self, flow: Flow, start: int, records: Records, *surplus: Reject) -> Chunk:
        """A chunk of what the flow has passed since `start`, all of it hashed."""
        segment = self._source.segment
        assert segment is not None
        span = Span(
            self._source.source_id,
            start,
            flow.position,
            records.lines + len(surplus),
            records.joined,
            records.blanks,
            records.divided,
            segment.start,
            segment.digest(),
            digest(flow.tail),
        )
        return Chunk(span, self.format, self._service, self._context, records, surplus)


def _known(source: Source, formats: Mapping[str, Format]) -> Format:
    format_ = format_named(source.format, formats)
    if format_ is None:
        raise InputError(
            f"{source.path}: there is no format called {source.format} any more",
            remedy="put its definition back into the folder of formats, or read the file again in another one: "
            f"logpipe reparse {source.path} --format NAME",
            reason="unknown_format",
        )
    return format_

"""In which format a file is read: as a user chose, as what it is a copy of, or as its first lines look."""

import logging

from logpipe.ingest.files.first_lines import DETECTION_BYTES, first_lines
from logpipe.ingest.files.reader import Reader
from logpipe.ingest.files.source import Copied, Source
from logpipe.ingest.files.sources import Sources
from logpipe.ingest.formats import SAMPLE_LINES, detect, format_named
from logpipe.ingest.options import Options

log = logging.getLogger(__name__)


class FormatChoice:
    """Chooses the formats of new files, and again those of files that were too short to tell."""

    def __init__(self, sources: Sources, options: Options) -> None:
        self._sources = sources
        self._options = options

    def of_new(self, reader: Reader, copied: Copied | None) -> tuple[str, bool, int]:
        """The format's name, whether a user chose it, and by how many lines it was detected."""
        if self._options.format is not None:
            return self._options.format, True, 0
        if copied is not None:
            return copied.original.format, copied.original.format_chosen, 0
        found = detect(first_lines(reader), self._options.formats)
        return found.format.name, False, found.lines

    def again(self, source: Source, reader: Reader) -> None:
        """Look again at a file that had fewer lines than are looked at, each time it has twice as many.

        Else what a program says before its first record would make plain text of all that follows. While nothing was
        taken, each time: its only line may have been half a line.
        """
        enough = source.judged_lines >= SAMPLE_LINES or source.offset >= DETECTION_BYTES
        if source.format_chosen or enough or format_named(source.format, self._options.formats) is None:
            return
        lines = first_lines(reader)
        if source.offset and len(lines) < 2 * source.judged_lines:
            return
        found, before = detect(lines, self._options.formats), source.format
        source.judged_lines = found.lines
        self._sources.set_format(source, found.format.name)
        if source.format != before:
            said = {"event": "format_changed", "source": source.path, "format": source.format, "before": before}
            log.info("format changed", extra={**said, "from_byte": source.offset})

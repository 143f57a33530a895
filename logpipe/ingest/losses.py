"""Bytes that were seen, or may have been written, and can no longer be read: gaps, each told once."""

import os
import time
from contextlib import suppress

from logpipe.errors import InputError
from logpipe.ingest.files.discovery import LogFile
from logpipe.ingest.files.open_files import OpenFiles
from logpipe.ingest.files.reader import HEAD_BYTES
from logpipe.ingest.files.source import Head, Source
from logpipe.ingest.files.sources import Sources
from logpipe.ingest.loading.intake import Intake
from logpipe.ingest.options import Summary

_WATCHED_S = 2.0
"""A file that was read to its end so shortly before it was overwritten is taken to have been read whole."""


class Losses:
    """Closes sources whose bytes are gone, and says what was lost with them."""

    def __init__(self, sources: Sources, files: OpenFiles, intake: Intake, summary: Summary) -> None:
        self._sources = sources
        self._files = files
        self._intake = intake
        self._summary = summary

    def close_overwritten(self, found: list[LogFile], matches: dict[LogFile, Source | None]) -> None:
        """Close the sources that no file of a sweep holds any more."""
        present = {file.path: file for file in found}
        for source in self._sources.left(source for source in matches.values() if source is not None):
            file = present.get(source.path)
            if file is not None:
                try:
                    self._intake.take_remembered(source, file)
                except InputError as error:
                    self._summary.errors.append(error)
                shrunk = self._is_beginning(file, source)
                in_place = file.identity == source.identity and matches.get(file) is None
                unwatched = source.looked_at is None or time.monotonic() - source.looked_at > _WATCHED_S
                # Where its writer had moved on, what stands there now came by rotation, and nothing was cut off.
                unseen = shrunk or (unwatched and (in_place or not self._sources.superseded(source)))
                self._lose(source, "shrunk" if shrunk else "overwritten", unseen=unseen)
            elif _is_missing(source.path):
                self._lose(source, "deleted", unseen=not self._sources.superseded(source))

    def _is_beginning(self, file: LogFile, source: Source) -> bool:
        """Whether the file is what was read of the source, but for its end; few bytes may be how any file begins."""
        if file.identity != source.identity or not HEAD_BYTES <= file.size < source.offset:
            return False
        with suppress(InputError), self._files.reader(file) as reader:
            head = self._sources.head_of(source)
            return bool(reader.peek()[: len(head)] == head[: file.size])
        return False

    def _lose(self, source: Source, reason: str, *, unseen: bool) -> None:
        unseen = unseen and not source.only_copied
        lost = self._sources.gone(source, reason, unseen=unseen)
        self._summary.lost_bytes += lost
        self._summary.gaps += bool(lost) + unseen
        if lost or unseen:
            how_much = f"{lost:,} bytes" if lost else "what was written, if anything,"
            self._summary.warnings.append(
                InputError(
                    f"{source.path} was {reason}: {how_much} from byte {source.offset:,} on could not be read",
                    remedy="see logpipe gaps",
                    reason=reason,
                )
            )

    def enter_given_up(self, format_name: str) -> None:
        """Files that had to be closed unread while the store could not be written are gaps."""
        while self._files.given_up:
            file, head = self._files.given_up[-1]
            source = self._sources.of(file)
            if source is None:
                source = self._sources.add(file, Head(head), None, format_name, "", None)
            source.size = max(source.size, file.size)
            self._lose(source, "given_up", unseen=False)
            self._files.given_up.pop()


def _is_missing(path: str) -> bool:
    """Whether there is nothing at a path: a folder that may not be looked into is another matter."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False

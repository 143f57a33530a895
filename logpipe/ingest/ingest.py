"""From paths to the store: each file is matched to its source, and its new bytes are taken in."""

import os
import re
import time
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from logpipe.errors import InputError
from logpipe.ingest.discovery import LogFile, find, service_of
from logpipe.ingest.first_lines import first_lines
from logpipe.ingest.formats import detect, format_named
from logpipe.ingest.intake import Intake, Options, Progress, Summary, left_alone
from logpipe.ingest.reader import Reader, compression_of
from logpipe.ingest.sources import Source, Sources
from logpipe.store import Store

_HOLE = re.compile(rb"\0{16,}")
"""What a writer leaves that goes on behind a truncation: such a file is a log all the same."""
_TEXT = bytes([*b"\t\n\v\f\r\b\x1b", *range(0x20, 0x100)])
_MOST_CONTROLS = 0.05
_JSON_ARRAY = re.compile(rb"\s*\[\s*[{\]]")


def ingest(store: Store, paths: Iterable[str], options: Options, progress: Progress | None = None) -> Summary:
    """Bring the files behind `paths` into the store; what is there already is not read again.

    A file that cannot be read is an error of the summary, and the others go on.

    Raises:
        StoreFull: what was committed is safe, and the next ingest goes on from there.
        StoreError: the store refused.
    """
    files, errors = find(paths)
    ingester = Ingester(store, options, progress)
    ingester.summary.errors += errors
    try:
        ingester.sweep(files)
    finally:
        store.connection.execute("RESET threads")
    return ingester.summary


class Ingester:
    """Sweeps over files, and knows their sources between sweeps."""

    def __init__(self, store: Store, options: Options, progress: Progress | None = None) -> None:
        if options.format is not None and format_named(options.format, options.formats) is None:
            raise InputError(
                f"there is no format called {options.format}",
                remedy=f"choose one of: {', '.join(options.formats)}",
                reason="unknown_format",
            )
        try:
            ZoneInfo(options.time_zone)
        except (KeyError, ValueError, OSError) as error:
            raise InputError(
                f"there is no time zone called {options.time_zone}",
                remedy="use a name such as UTC or Europe/Berlin",
                reason="unknown_time_zone",
            ) from error
        self.summary = Summary()
        # The other processor makes the next rows meanwhile; two threads inserting would cost more than they bring.
        store.execute("SET threads = 1")
        self._options = options
        self._seen: set[tuple[int, int]] = set()
        self._sources = Sources(store)
        self._intake = Intake(store, options, self.summary, progress or (lambda _: None))

    def sweep(self, files: Iterable[LogFile]) -> None:
        """Take in what is new in each file; errors of single files go to the summary."""
        started = time.monotonic()
        self.summary.waiting_bytes = 0
        matches = self._match(files)
        self._close_overwritten(matches)
        for file in matches:
            self._seen.add((file.device, file.inode))
            try:
                self._take(file, matches)
            except InputError as error:
                self.summary.errors.append(error)
        self.summary.files = len(self._seen)
        self.summary.seconds += time.monotonic() - started

    def _match(self, files: Iterable[LogFile]) -> dict[LogFile, Source | None]:
        readable = []
        for file in files:
            try:
                compression_of(file.path)
            except InputError as error:
                self.summary.errors.append(error)
            else:
                readable.append(file)
        matches = self._sources.match(readable)
        return {file: source for file, source in matches.items() if file.named or source is not None}

    def _close_overwritten(self, matches: dict[LogFile, Source | None]) -> None:
        alive = [source for source in matches.values() if source is not None]
        paths = {file.path for file in matches}
        for source in self._sources.left(alive):
            if source.path in paths:
                self.summary.lost_bytes += self._sources.gone(source, "overwritten")
            elif not os.path.exists(source.path):
                self.summary.lost_bytes += self._sources.gone(source, "deleted")

    def _take(self, file: LogFile, matches: dict[LogFile, Source | None]) -> None:
        source = matches[file]
        compression = compression_of(file.path)
        if source is not None and source.untouched(file) and source.exhausted(file):
            self._sources.seen(source, file, source.head, compression, complete=source.state == "complete")
            return
        with Reader(file.path, compression) as reader:
            head = reader.peek()
            status = reader.stat()
            replaced = (status.st_dev, status.st_ino) != (file.device, file.inode)
            if replaced or (source is not None and not head.startswith(source.head)):
                return  # rotated since it was matched; the next sweep, or ingest, sees it as it is then
            if source is None:
                if not head:
                    return
                _refuse_what_is_no_log(file.path, head, named=self._options.format is not None)
                source = matches[file] = self._begin(file, reader, head, matches)
            self._intake.take(reader, source, file)
            complete = compression is not None and (not reader.damage or left_alone(file))
            self._sources.seen(source, file, head, compression, complete=complete)
            if reader.damage and complete:
                self._sources.damaged(source)
                raise InputError(
                    f"{file.path}: {reader.damage}",
                    remedy="what could be read was taken; a whole file that begins alike is read on from there",
                    reason="damaged",
                )

    def _begin(self, file: LogFile, reader: Reader, head: bytes, matches: dict[LogFile, Source | None]) -> Source:
        others = [(other, source) for other, source in matches.items() if source is not None]
        copied = self._sources.copied(file, others)
        format_name = self._options.format or (copied[0].format if copied else self._detect(reader))
        service = self._options.service or service_of(file.path)
        self.summary.new_files += 1
        return self._sources.add(file, head, reader.compression, format_name, service, copied)

    def _detect(self, reader: Reader) -> str:
        return detect(first_lines(reader), self._options.formats).format.name


def _refuse_what_is_no_log(path: str, head: bytes, *, named: bool) -> None:
    if _JSON_ARRAY.match(head):
        raise InputError(
            f"{path} is one JSON array, not one object a line",
            remedy=f"turn it into lines first: jq -c '.[]' {path} > {path}l",
            reason="json_array",
        )
    written = _HOLE.sub(b"", head)
    if not named and len(written.translate(None, _TEXT)) > _MOST_CONTROLS * len(written):
        raise InputError(
            f"{path} is binary",
            remedy="name text logs, or their .gz, .zst, .bz2 or .xz; --format NAME reads it as text all the same",
            reason="binary",
        )

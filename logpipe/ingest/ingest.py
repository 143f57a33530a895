"""From paths to the store: each file is matched to its source, and its new bytes are taken in."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from logpipe.errors import InputError, StoreError
from logpipe.ingest.copies import Copies
from logpipe.ingest.files.admission import refuse_what_is_no_log
from logpipe.ingest.files.discovery import LogFile, find, service_of
from logpipe.ingest.files.ending import ending, left_alone, unchanged
from logpipe.ingest.files.first_lines import first_bytes
from logpipe.ingest.files.flow import CHUNK_BYTES
from logpipe.ingest.files.open_files import OpenFiles
from logpipe.ingest.files.own_files import OwnFiles
from logpipe.ingest.files.reader import TRANSCODED, Reader, Replaced
from logpipe.ingest.files.source import Head, Source
from logpipe.ingest.files.sources import Sources
from logpipe.ingest.format_choice import FormatChoice
from logpipe.ingest.loading.intake import LONG_BYTES, Intake, Portion, unexpected
from logpipe.ingest.loading.tuning import tune
from logpipe.ingest.losses import Losses
from logpipe.ingest.options import Options, Progress, Summary
from logpipe.ingest.telemetry import Telemetry
from logpipe.store import Store
from logpipe.store.volume import free_bytes

SWEEP_S = 1.0
"""How long a sweep may take while following, before the files with much to read wait for the next one."""

_SLICE_BYTES = 2 * CHUNK_BYTES
"""So much of a file with more than that is read in one sweep while following, so that the others have their turn."""

MOST_LOOKS = 5
"""How often to look again at the end because files changed their names under the sweep: the next ingest looks, too."""

_GLANCE_S = 1.0
"""How often a file is looked at whose end waits, while nothing happens to it."""

log = logging.getLogger(__name__)


def ingest(store: Store, paths: Iterable[str], options: Options, progress: Progress | None = None) -> Summary:
    """Bring the files behind `paths` into the store; what is there already is not read again.

    A file that cannot be read is an error of the summary, and the others go on. The database is set for loading, and
    stays so while this process has it open: each query runs on one thread, and rows come in no order but an asked one.

    Raises:
        StoreFull: what was committed is safe, and the next ingest goes on from there.
        StoreError: the store refused.
    """
    ingester = Ingester(store, options, progress)
    named = list(paths)
    try:
        for _ in range(MOST_LOOKS):
            files, errors = find(named)
            ingester.sweep(files)
            if not ingester.behind:
                break
    finally:
        ingester.close()
    if ingester.behind:
        error = InputError(
            "files changed their names while they were read, again and again, so that not all of them were taken",
            remedy="run the same command again",
            reason="unsettled",
        )
        errors.append(error)
    told = {error.message: error for error in (*errors, *ingester.summary.errors)}  # once, however often it looked
    ingester.summary.errors = list(told.values())
    return ingester.summary


class Ingester:
    """Sweeps over files, and knows their sources between sweeps."""

    def __init__(self, store: Store, options: Options, progress: Progress | None = None) -> None:
        options.check()
        self.summary = Summary()
        self.files = OpenFiles(keep=options.following)
        self.behind = False
        """Whether the last sweep left something that it could have read."""
        self.unsettled = False
        """Whether files changed their names, or vanished, during the last sweep, so that it left something."""
        self._last = False
        self._options = options
        self._progress = progress or (lambda _: None)
        self._seen: set[tuple[int, int]] = set()
        self._tried: set[tuple[int, int]] = set()
        """The files that this sweep has read, or failed to read."""
        self._refused: dict[tuple[int, int], LogFile] = {}
        self._own = OwnFiles(store.url, options.own_log)
        self._told_own: set[str] = set()
        self._telemetry = Telemetry()
        self.attach(store)

    def attach(self, store: Store) -> None:
        """Work with a store from now on, by what is in it; open files stay open."""
        tune(store)
        self._store = store
        self._sources = Sources(store, self.files)
        self._intake = Intake(store, self._options, self.summary, self._progress, self._telemetry)
        self._formats = FormatChoice(self._sources, self._options)
        self._copies = Copies(store, self._sources, self.files, self._options)
        self._losses = Losses(self._sources, self.files, self._intake, self.summary)

    def reopen(self) -> None:
        """Open the database again after it refused, and go on from what is in it.

        Raises:
            StoreError: it refuses still.
        """
        self._store.reopen()
        self.attach(self._store)

    def free_bytes(self) -> int:
        """What the volume of the database has left; 0 where there is no such volume."""
        return free_bytes(self._store.url)

    def close(self) -> None:
        self.files.close_all()

    def sweep(self, files: Iterable[LogFile], *, last: bool = False) -> None:
        """Take in what is new in each file; errors of single files go to the summary.

        While following, a file with much to read is read in slices; `behind` says whether there is more. The `last`
        sweep leaves for the next ingest what it cannot read in a moment, if that one can.
        """
        started = time.monotonic()
        found = self._without_own(files)
        self._last = last
        self._losses.enter_given_up(self._options.format or "plain")
        matches = self._match([*found, *self.files.away(found)])
        self._copies.look(matches)
        self._losses.close_overwritten(found, matches)
        self.files.keep((file for file, source in matches.items() if _grows(source)), self._drained)
        self.behind = self.unsettled = False
        self._tried.clear()
        for group in self._groups(matches, until=started + SWEEP_S):
            self._take(group, matches)
        self._finish(self.files.close_drained(self._drained, at_once=last))
        self._finish(file for file in matches if last and file.path == self._options.spool)
        self._sources.note(all_of_them=last or not self._options.following)
        self._telemetry.behind(self._unread(matches))
        self._telemetry.tell(self._store, at_once=last or not self._options.following)
        self.summary.files = len(self._seen)
        self.summary.copies = sum(source.only_copied for source in matches.values() if source is not None)
        self.summary.waiting_bytes = sum(source.waiting_bytes for source in matches.values() if source is not None)
        self.summary.seconds += time.monotonic() - started

    def hold(self, files: Iterable[LogFile]) -> None:
        """Keep hold of the files while nothing can be read, so that rotation and deletion lose as little as may be."""
        found = self._without_own(files)
        self.files.away(found)
        self.files.keep(found, self._drained, give_up=True)

    def _without_own(self, files: Iterable[LogFile]) -> list[LogFile]:
        """The files but for those that this ingest writes; each of them is told once."""
        found = list(files)
        own = {file.identity: file for file in self._own.among(found)}
        for file in own.values():
            if file.path not in self._told_own:
                self._told_own.add(file.path)
                self.summary.warnings.append(
                    InputError(f"{file.path} is written by logpipe itself, and is not read", reason="own_file")
                )
        return [file for file in found if file.identity not in own] if own else found

    def _unread(self, matches: dict[LogFile, Source | None]) -> Iterator[tuple[int, int]]:
        """The sources with bytes that this sweep saw and did not take, and how many."""
        for file, source in matches.items():
            if source is not None and source.compression is None and file.size > source.offset:
                yield source.source_id, file.size - source.offset

    def _match(self, files: Iterable[LogFile]) -> dict[LogFile, Source | None]:
        matches = self._sources.match(files)
        return {file: source for file, source in matches.items() if file.named or source is not None}

    def _finish(self, closed: Iterable[LogFile]) -> None:
        """Files without a name, read to their end, are no loss."""
        for file in closed:
            source = self._sources.of(file)
            if source is not None and source.state == "active":
                self._sources.gone(source, "deleted", unseen=False)

    def _pending(self, file: LogFile, source: Source | None) -> int:
        return file.size - (source.offset if source is not None and source.compression is None else 0)

    def _turn(self, file: LogFile, source: Source | None) -> tuple[bool, bool, int]:
        """Files with much to read come last, new ones after those that they may be copies of, the oldest first."""
        return self._pending(file, source) > _SLICE_BYTES, source is None, file.modified_ns

    def _drained(self, file: LogFile) -> bool:
        """Whether everything that stands in a file is in the store."""
        source = self._sources.of(file)
        if source is None:
            return file.size == 0 or file.identity in self._refused
        return source.state != "active" or source.exhausted(file)

    def _groups(self, matches: dict[LogFile, Source | None], until: float) -> Iterator[list[LogFile]]:
        """The files in which there is something to do, those together that are taken together.

        One of each family: of another is known that it begins as a copy once what it is a copy of is in the store.
        """
        group: dict[str, LogFile] = {}
        size = 0
        for file in sorted(matches, key=lambda file: self._turn(file, matches[file])):
            self._seen.add(file.identity)
            pending = max(0, self._pending(file, matches[file]))
            late = self._options.following and time.monotonic() > until and not self._is_last_chance(file)
            if late and (self._last or pending > _SLICE_BYTES):
                self.behind = True
                continue
            full = len(group) == self.files.most_together or size + pending > LONG_BYTES
            if group and (full or file.family in group):
                yield list(group.values())
                group, size = {}, 0
            if not self._is_idle(file, matches[file]):
                group[file.family] = file
                size += pending
        if group:
            yield list(group.values())

    def _is_last_chance(self, file: LogFile) -> bool:
        """Whether no later ingest can read a file: it is read to its end now, however long that takes."""
        return self._last and (file.away or file.path == self._options.spool)

    def _is_idle(self, file: LogFile, source: Source | None) -> bool:
        """Whether there is nothing to do about a file."""
        if source is None:
            refused = self._refused.get(file.identity)
            return refused is not None and refused.size == file.size
        if source.untouched(file) and self._is_done(source, file):
            self._sources.seen(source, file, None, source.compression, complete=source.state == "complete")
            return True
        return False

    def _take(self, group: Iterable[LogFile], matches: dict[LogFile, Source | None]) -> None:
        """Take in files together; errors of single ones go to the summary."""
        taken: list[tuple[Portion, Head]] = []
        with ExitStack() as opened:
            for file in group:
                self._tried.add(file.identity)
                with self._by_itself(file):
                    reader = opened.enter_context(self.files.reader(file))
                    head = Head(reader.peek())
                    portion = self._portion(file, reader, head, matches)
                    if portion is not None:
                        taken.append((portion, head))
            self._intake.take([portion for portion, _ in taken])
            for portion, head in taken:
                with self._by_itself(portion.file):
                    if portion.error is not None:
                        raise portion.error
                    if portion.source.looked_at is None:
                        self.behind = True
                        self.files.read_on(portion.file, portion.reader)
                    self._note(portion.reader, portion.source, portion.file, head)

    @contextmanager
    def _by_itself(self, file: LogFile) -> Iterator[None]:
        """What goes wrong with a file is told, and is no matter of the others; what goes wrong with the store is."""
        try:
            yield
        except Replaced:
            self._sources.unsettle(file.family)
            self.behind = self.unsettled = True
        except InputError as error:
            self.summary.errors.append(error)
        except (StoreError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the other files go on
            self.summary.errors.append(unexpected(file.path, error))

    def _portion(
        self, file: LogFile, reader: Reader, head: Head, matches: dict[LogFile, Source | None]
    ) -> Portion | None:
        """What is to be taken of a file, if anything is."""
        source = matches[file]
        if source is None and not self._sources.is_settled(file.family):
            raise Replaced(f"{file.path} may be another file of its family", reason="replaced")
        if reader.size() < file.size or (source is not None and not source.begins(head)):
            raise Replaced(f"{file.path} was overwritten since it was found", reason="replaced")
        if source is None:
            source = matches[file] = self._begin(file, reader, head)
            if source is None:
                return None
        grown = not source.untouched(file)
        if grown:
            source.changed_at = time.monotonic()
        if source.only_copied and self._copies.has_nothing_new(file, head, source, grown=grown):
            source.looked_at = time.monotonic()
            self._sources.seen(source, file, head, reader.compression, complete=False)
            return None
        end = ending(
            *(source, file),
            following=self._options.following,
            last=self._last,
            superseded=self._sources.superseded(source),
        )
        if source.offset == 0 and not end.whole_line and _is_half_a_line(reader, file):
            source.waiting_bytes = file.size  # it does not tell its format yet
            self._note(reader, source, file, head)
            return None
        if grown or reader.size() != file.size:
            self._formats.again(source, reader)
        in_slices = self._options.following and not self._is_last_chance(file)
        return Portion(reader, source, file, end, _SLICE_BYTES if in_slices else sys.maxsize)

    def _is_done(self, source: Source, file: LogFile) -> bool:
        """Whether nothing more can be taken of a file that has not changed."""
        if source.exhausted(file):
            return True
        if self._last and file.away:
            return False
        following = self._options.following and source.looked_at is not None
        return following and time.monotonic() - (source.looked_at or 0.0) < _GLANCE_S

    def _note(self, reader: Reader, source: Source, file: LogFile, head: Head) -> None:
        compressed = reader.compression is not None
        ended = compressed and source.looked_at is not None
        if ended and not reader.grows:
            self.files.close(file)
        complete = ended and (not reader.damage or unchanged(source, file, following=self._options.following))
        if ended and not reader.damage:
            self._sources.mended(source)
        self._sources.seen(source, file, head, reader.compression, complete=complete)
        if not reader.damage:
            return
        source.waiting_bytes = 0  # no end of that line can come
        if complete:
            self._sources.damaged(source)
            self.summary.gaps += 1
            raise InputError(
                f"{file.path}: {reader.damage}",
                remedy="what could be read was taken; a whole file that begins alike is read on from there",
                reason="damaged",
            )
        if not self._options.following:
            warning = InputError(
                f"{file.path}: {reader.damage}, or it is still being written",
                remedy="ingest it again once it has been left alone for some seconds",
                reason="unfinished",
            )
            self.summary.warnings.append(warning)

    def _begin(self, file: LogFile, reader: Reader, head: Head) -> Source | None:
        """The source of a new file; None where there is none to begin yet, or nothing in it that is new."""
        if not head.data:
            return None
        try:
            refuse_what_is_no_log(file.path, head.data, named=self._options.format is not None)
        except InputError as error:
            self._refused[file.identity] = file
            if not file.found:
                raise
            self.summary.warnings.append(error)
            return None
        if originals := self._copies.unread_originals(file, head):
            # One that cannot be read is tried again by the next sweep, and no sooner.
            self.behind |= any(original.identity not in self._tried for original in originals)
            return None
        copied = self._copies.original(reader, file, head)
        if copied and reader.damage and not left_alone(file):
            return None  # it is still being mended
        if copied and file.away and copied.length == file.size:
            self.files.close(file)
            return None
        format_name, chosen, lines = self._formats.of_new(reader, copied)
        service = self._options.service or service_of(file.path)
        source = self._sources.add(
            *(file, head, reader.compression, format_name, service, copied, self._options.time_zone),
            format_chosen=chosen,
        )
        source.judged_lines = lines
        self.summary.new_files += 1
        log.info("new file", extra={"event": "file_found", "source": file.path, "format": format_name})
        return source


def _grows(source: Source | None) -> bool:
    return source is None or source.compression in (None, *TRANSCODED)


def _is_half_a_line(reader: Reader, file: LogFile) -> bool:
    """Whether the first line of a file is still being written; one that is too long is not waited for."""
    return reader.grows and file.size < CHUNK_BYTES and b"\n" not in first_bytes(reader)

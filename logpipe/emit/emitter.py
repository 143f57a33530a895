"""Where the front ends meet: a record is rendered once, on the caller's thread, and appended to its stream's file."""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from logpipe.emit.console import Console
from logpipe.emit.drops import Drops
from logpipe.emit.entry import Resource, compose, stream_of, timestamp
from logpipe.emit.fast_path import SYNCED, fast_path, writer_of
from logpipe.emit.files import open_files
from logpipe.emit.forks import call_in_child
from logpipe.emit.housekeeping import Housekeeping
from logpipe.emit.nesting import counter_of_nesting
from logpipe.emit.redaction import Redaction
from logpipe.emit.settings import Settings
from logpipe.emit.values import Entry, text
from logpipe.record import APP

if TYPE_CHECKING:
    from logpipe.emit.admission import Admission

_T = TypeVar("_T")


class Emitter:
    """Writes records to the four files of a service; nothing that it does raises into the application."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        folder = settings.log_dir / settings.service
        self._resource = Resource(settings)
        self._redaction = Redaction(
            keys=settings.redact_keys, patterns=settings.redact_patterns, enabled=settings.redact
        )
        self.admission = _admission(self)
        self._console = Console(settings.console, self._tell_unshown)
        self._drops = Drops(self._console.say)
        self._housekeeping = Housekeeping(
            folder,
            compress=settings.compress,
            keep_files=settings.keep_files,
            keep_days=settings.keep_days,
            keep_bytes=settings.keep_bytes,
            ours=lambda: self.paths.values(),  # noqa: PLW0108 - there are none yet
        )
        self._files = open_files(settings, folder, lost=self.lose)
        self._synced = SYNCED[settings.durability]
        self._within = counter_of_nesting()
        self.writer = (
            None
            if self.admission
            else writer_of(self, settings, self._resource, self._files, self._console, self._redaction)
        )
        self._fast: Mapping[Callable[..., Entry], Callable[[Any], bool]] = fast_path(self.writer)
        if self.writer is not None:
            self._resource.count_by(self.writer)
        call_in_child(self.after_fork_in_child)

    @property
    def paths(self) -> dict[str, Path]:
        """The file of each stream."""
        return {stream: file.path for stream, file in self._files.items()}

    def open(self) -> None:
        """Makes the files, and has what an earlier process left rotated compressed; a folder that refuses is said."""
        try:
            for file in self._files.values():
                file.open()
        except OSError as error:
            self._drops.warn(error)
        self._housekeeping.wake()

    def take(self, build: Callable[[_T, Resource], Entry], source: _T) -> None:
        """Builds the record of a front end's source and writes it."""
        fast = self._fast.get(build)
        if fast is not None and fast(source):
            return
        if not self._within(self._build, build, source):
            self.lose_nested()
        elif self._drops.waiting:
            self.attend()

    def _build(self, build: Callable[[_T, Resource], Entry], source: _T) -> None:
        numbers = 0
        try:
            if self.admission is None:
                entry = build(source, self._resource)
                numbers = 1
                self._write(entry)
            else:
                self.admission.take(build, source)
        except Exception as error:  # noqa: BLE001 - whatever it is, the application goes on and the record is accounted for
            self._write_stand_in(error, numbers)

    def lose(self, stream: str, lines: Sequence[bytes], error: BaseException) -> None:
        """Counts lines that could not be written."""
        self._drops.count(stream, lines, error)
        if self.writer is not None:
            self.writer.attention = True

    def lose_nested(self) -> None:
        """Counts a record that was made while another one was, and so on."""
        self.lose(APP, (b"",), RecursionError("a value logs while it is logged"))

    def attend(self) -> None:
        """Says what was dropped, if it is time to."""
        self._drops.notice()
        self._report_drops(now=False)
        if self.writer is not None:
            self.writer.attention = self._drops.waiting

    def rotated(self) -> None:
        """Has the file that was rotated seen to."""
        self._housekeeping.wake()

    def report(self) -> None:
        """Says what was left out and what was dropped, in records if there is room, and on standard error."""
        if self.admission is not None:
            self.admission.report()
        self._console.finish()
        self._report_drops(now=True)
        self._drops.notice()

    def flush(self) -> None:
        """Says what was dropped, and waits until what was written is on the disk."""
        self.report()
        for stream in self._files:
            self.sync(stream)

    def close(self, *, timeout_s: float = 60) -> None:
        """Flushes, waits for compression, and lets go of the files. A later record opens its file again."""
        if self.admission is not None:
            self.admission.close()
        self.flush()
        for file in self._files.values():
            file.close()
        self._housekeeping.wake()  # a file of this process alone is final now
        self._housekeeping.finish(timeout_s)

    def _write(self, entry: Entry) -> None:
        entry, line = self._redaction.render(entry, self.settings.max_line_bytes)
        self._append(str(entry["stream"]), line, sync=entry["level"] in self._synced)
        self._console.show(entry, line)

    def _append(self, stream: str, line: bytes, *, sync: bool = False) -> None:
        try:
            if self._files[stream].append(line):
                self.rotated()
        except OSError as error:
            self.lose(stream, (line,), error)
            return
        if sync:
            self.sync(stream)

    def sync(self, stream: str) -> None:
        """Waits until what was written to a stream is on the disk."""
        try:
            self._files[stream].sync()
        except OSError as error:
            self._drops.warn(error)

    def write_admitted(self, entry: Entry) -> None:
        """Numbers and writes a record that was built before it was known whether it is written."""
        try:
            entry["instance"], entry["seq"] = self._resource.instance, self._resource.next_seq()
            self._write(entry)
        except Exception as error:  # noqa: BLE001 - as in `take`
            self._write_stand_in(error, 1)

    def tell(
        self,
        event: str,
        message: str,
        fields: dict[str, object],
        *,
        level: str = "WARNING",
        logger: str = "logpipe",
        template: str | None = None,
    ) -> None:
        """Writes a record of the emitter's own."""
        try:
            self._write(self._own(event, message, fields, level=level, logger=logger, template=template))
        except Exception as error:  # noqa: BLE001 - as in `take`
            self.lose(stream_of(level), (b"",), error)

    def _tell_unshown(self, count: int) -> None:
        message = f"{count} lines were not shown on the console: nobody read"
        own = self._own("logpipe.console_dropped", message, {"count": count})
        entry, line = self._redaction.render(own, self.settings.max_line_bytes)
        self._append(APP, line)
        if self._console.is_read:
            self._console.show(entry, line)

    def _write_stand_in(self, error: Exception, numbers: int) -> None:
        """A record in place of one that could not be written: that it was made is known at least.

        A record gets its number (`seq`) when all else of it is built: mostly there is none that would be missed.
        """
        message = f"a record could not be rendered: {text(error)}"
        try:
            self._write(self._own("logpipe.unrenderable", message, {"numbers": numbers}))
        except Exception as again:  # noqa: BLE001 - for instance out of memory
            self.lose(APP, (b"",), again)

    def _report_drops(self, *, now: bool) -> None:
        taken = self._drops.take(now=now)
        if taken is None:
            return
        counts, reason, numbers = taken
        message = f"{counts.total()} records were dropped: {reason}"
        fields = {"count": counts.total(), "numbers": numbers, "reason": reason, "streams": dict(counts)}
        try:
            own = self._own("logpipe.dropped", message, fields)
            _, line = self._redaction.render(own, self.settings.max_line_bytes)
        except Exception:  # noqa: BLE001 - for instance out of memory; the next report tells
            self._drops.untold(counts, numbers)
            return
        self._drops.reporting(line, counts, numbers)
        self._append(APP, line)

    def _own(
        self,
        event: str,
        message: str,
        fields: dict[str, object],
        *,
        level: str = "WARNING",
        logger: str = "logpipe",
        template: str | None = None,
    ) -> Entry:
        """A record of the emitter's own."""
        resource = self._resource
        head: Entry = {"timestamp": timestamp(time.time()), "level": level, "stream": stream_of(level)}
        head |= {**resource.fields, "logger": logger}
        place: Entry = {"process": os.getpid(), "thread": threading.current_thread().name}
        place |= {"instance": resource.instance, "seq": resource.next_seq()}
        return compose(head, message, template, {"event": event, **fields}, None, place)

    def after_fork_in_child(self) -> None:
        """What was counted, held or begun is the parent's."""
        self._drops.after_fork_in_child()
        self._console.after_fork_in_child()
        if self.admission is not None:
            self.admission.after_fork_in_child()
        self._housekeeping.after_fork_in_child()


def _admission(emitter: Emitter) -> "Admission | None":
    """What the settings ask for; None where all that the loggers let through is written."""
    settings = emitter.settings
    if not (settings.sample or settings.tail or settings.repeat_limit):
        return None
    from logpipe.emit.admission import Admission, Unnumbered

    resource = Unnumbered(emitter._resource)
    return Admission(settings, resource, emitter._redaction, emitter.write_admitted, emitter.tell)

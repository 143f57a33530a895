"""Where the front ends meet: a record is rendered once, on the caller's thread, and appended to its stream's file."""

import os
import threading
import time
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from logpipe.emit.console import Console
from logpipe.emit.drops import Drops
from logpipe.emit.entry import Resource, compose, stream_of, timestamp
from logpipe.emit.files import open_files
from logpipe.emit.housekeeping import Housekeeping
from logpipe.emit.settings import Settings
from logpipe.emit.values import Entry, render
from logpipe.record import APP

if TYPE_CHECKING:
    from logpipe.emit.admission import Admission

_T = TypeVar("_T")

_MAX_NESTING: Final = 8
"""Records that are made while one is rendered: a signal handler's are fine, a __str__ that logs itself is not."""


class Emitter:
    """Writes records to the four files of a service; nothing that it does raises into the application."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        folder = settings.log_dir / settings.service
        self._resource = Resource(settings)
        self.admission = _admission(self)
        self._console = Console(settings.console)
        self._drops = Drops()
        self._housekeeping = Housekeeping(
            folder,
            compress=settings.compress,
            keep_files=settings.keep_files,
            keep_days=settings.keep_days,
            keep_bytes=settings.keep_bytes,
            ours=lambda: self.paths.values(),  # noqa: PLW0108 - there are none yet
        )
        self._files = open_files(settings, folder, lost=self._drops.count, rotated=self._housekeeping.wake)
        self._nesting = threading.local()
        _follow_forks(self)

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
        depth = getattr(self._nesting, "depth", 0)
        if depth >= _MAX_NESTING:
            self._drops.count(APP, (b"",), RecursionError("a value logs while it is logged"))
            return
        self._nesting.depth = depth + 1
        try:
            if self.admission is None:
                self._write(build(source, self._resource))
            else:
                self.admission.take(build, source)
        except Exception as error:  # noqa: BLE001 - whatever it is, the application goes on and the record is accounted for
            self._write_stand_in(error)
        finally:
            self._nesting.depth = depth
        if self._drops.waiting:
            self._drops.notice()
            self._report_drops(now=False)

    def report(self) -> None:
        """Says what was left out and what was dropped, in records if there is room, and on standard error."""
        if self.admission is not None:
            self.admission.report()
        self._report_drops(now=True)
        self._drops.notice()

    def flush(self) -> None:
        """Says what was dropped, and waits until what was written is on the disk."""
        self.report()
        for file in self._files.values():
            try:
                file.sync()
            except OSError as error:
                self._drops.warn(error)

    def close(self) -> None:
        """Flushes, finishes compressing, and lets go of the files. A later record opens its file again."""
        if self.admission is not None:
            self.admission.close()
        self.flush()
        for file in self._files.values():
            file.close()
        self._housekeeping.wake()  # a file of this process alone is final now
        self._housekeeping.finish(timeout_s=60)

    def _write(self, entry: Entry) -> None:
        line = render(entry, self.settings.max_line_bytes)
        self._append(str(entry["stream"]), line)
        self._console.show(entry, line)

    def _append(self, stream: str, line: bytes) -> None:
        try:
            if self._files[stream].append(line):
                self._housekeeping.wake()
        except OSError as error:
            self._drops.count(stream, (line,), error)

    def write_admitted(self, entry: Entry) -> None:
        """Numbers and writes a record that was built before it was known whether it is written."""
        try:
            entry["instance"], entry["seq"] = self._resource.instance, self._resource.next_seq()
            self._write(entry)
        except Exception as error:  # noqa: BLE001 - as in `take`
            self._write_stand_in(error)

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
            self._drops.count(stream_of(level), (b"",), error)

    def _write_stand_in(self, error: Exception) -> None:
        """A record in place of one that could not be built: that it was made is known at least."""
        try:
            self._write(self._own("logpipe.unrenderable", f"a record could not be rendered: {error!r}", {}))
        except Exception as again:  # noqa: BLE001 - for instance out of memory
            self._drops.count(APP, (b"",), again)

    def _report_drops(self, *, now: bool) -> None:
        taken = self._drops.take(now=now)
        if taken is None:
            return
        counts, reason = taken
        message = f"{counts.total()} records were dropped: {reason}"
        entry = self._own(
            "logpipe.dropped", message, {"count": counts.total(), "reason": reason, "streams": dict(counts)}
        )
        line = render(entry, self.settings.max_line_bytes)
        self._drops.reporting(line, counts)
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

    def _before_fork(self) -> None:
        for file in self._files.values():
            file.before_fork()

    def _after_fork_in_parent(self) -> None:
        for file in self._files.values():
            file.after_fork_in_parent()

    def _after_fork_in_child(self) -> None:
        self._drops.after_fork_in_child()
        if self.admission is not None:
            self.admission.after_fork_in_child()
        self._housekeeping.after_fork_in_child()
        for file in self._files.values():
            file.after_fork_in_child()


def _admission(emitter: Emitter) -> "Admission | None":
    """What the settings ask for; None where all that the loggers let through is written."""
    settings = emitter.settings
    if not (settings.sample or settings.tail or settings.repeat_limit):
        return None
    from logpipe.emit.admission import Admission, Unnumbered

    return Admission(settings, Unnumbered(emitter._resource), emitter.write_admitted, emitter.tell)


def _follow_forks(emitter: Emitter) -> None:
    """Hooks cannot be taken back, so they hold the emitter weakly."""
    this = weakref.ref(emitter)

    def call(step: Callable[[Emitter], None]) -> None:
        living = this()
        if living is not None:
            step(living)

    os.register_at_fork(
        before=partial(call, Emitter._before_fork),
        after_in_parent=partial(call, Emitter._after_fork_in_parent),
        after_in_child=partial(call, Emitter._after_fork_in_child),
    )

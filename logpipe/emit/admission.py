"""Which records are written, beyond their loggers' levels: sampling, the tail of requests that fail, repetitions."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from logpipe.emit import context
from logpipe.emit.entry import Resource
from logpipe.emit.levels import LEVELS, level_of
from logpipe.emit.redaction import Redaction
from logpipe.emit.repeats import Repeats
from logpipe.emit.sampling import SampledOut, Sampling, kind_of, mark
from logpipe.emit.tail import Tail, Tell
from logpipe.emit.values import Entry
from logpipe.record import APP, ERROR

if TYPE_CHECKING:
    from logpipe.emit.settings import Settings

_T = TypeVar("_T")


class Unnumbered(Resource):
    """For records of which it is not decided whether they are written: they have the number 0 until they are."""

    def __init__(self, resource: Resource) -> None:
        self.fields = resource.fields
        self.instance = resource.instance

    def next_seq(self) -> int:
        """A number that is none: one given to a record that is not written would be missed."""
        return 0


class Admission:
    """Writes a record, holds it, or counts it as left out.

    resource:  what records are built with
    redaction: takes the secrets out of what is held
    write:     called with a record that is to be written, to number it and write it
    tell:      writes a record of the emitter's own
    """

    def __init__(
        self,
        settings: "Settings",
        resource: Unnumbered,
        redaction: Redaction,
        write: Callable[[Entry], None],
        tell: Tell,
    ) -> None:
        self._resource = resource
        self._redaction = redaction
        self._max_line_bytes = settings.max_line_bytes
        self._write = write
        self._tell = tell
        self._level = LEVELS[settings.level]
        self._sampled_out = SampledOut()
        self._sampling = Sampling(settings.sample, settings.sample_key) if settings.sample else None
        self._repeats: Repeats | None = None
        if settings.repeat_limit:
            self._repeats = Repeats(settings.repeat_limit, settings.repeat_window_s, redaction)
        self._tail_level = LEVELS[settings.tail] if settings.tail else 0
        self._tail: Tail | None = None
        if settings.tail:
            self._tail = Tail(
                key=settings.sample_key,
                records=settings.tail_records,
                max_bytes=settings.tail_bytes,
                write=write,
                forget=self._sampled_out.count,
                tell=tell,
            )

    def install(self) -> Callable[[], None]:
        """Follows the contexts of requests; gives the way back."""
        return context.follow(self._tail.begin) if self._tail is not None else lambda: None

    def take(self, build: Callable[[_T, Resource], Entry], source: _T) -> None:
        """Builds the record of a front end's source, unless it is plain that it is left out, and decides on it."""
        if not self._leaves_out(source):
            self._decide(build(source, self._resource))
        self._report(now=False)

    def _leaves_out(self, source: object) -> bool:
        """Whether a record need not be built; building costs more than all else."""
        if not isinstance(source, logging.LogRecord) or source.levelno >= logging.ERROR:
            return False
        if "logpipe_call" in source.__dict__:
            return False
        if self._tail is not None:
            if source.levelno >= self._tail_level and self._tail.request() is not None:
                return False
            if source.levelno < self._level and not _has_level_of_its_own(source.name):
                return True
        if self._sampling is None or not self._sampling.surely_leaves_out(source):
            return False
        self._sampled_out.count((source.name, level_of(source.levelno)))
        return True

    def _decide(self, entry: Entry) -> None:
        if self._tail is not None and entry["stream"] == ERROR and (request := self._tail.request()) is not None:
            self._tail.fail(request)
        if self._is_below_level(entry):
            self._set_aside(entry, sampled=False)
        elif self._sampling is not None and not self._sampling.keeps(entry):
            self._set_aside(entry, sampled=True)
        else:
            self._pass(entry)

    def report(self) -> None:
        """Tells of all that was counted so far."""
        self._report(now=True)

    def close(self) -> None:
        """Lets go of what is held for requests that have not ended."""
        if self._tail is not None:
            self._tail.close()

    def after_fork_in_child(self) -> None:
        """What the parent counted and holds is the parent's."""
        for part in (self._sampled_out, self._sampling, self._repeats, self._tail):
            if part is not None:
                part.after_fork_in_child()

    def _is_below_level(self, entry: Entry) -> bool:
        """Whether the record came through only for the tail."""
        if self._tail is None or entry["stream"] != APP or LEVELS[str(entry["level"])] >= self._level:
            return False
        return not _has_level_of_its_own(str(entry.get("logger", "")))

    def _set_aside(self, entry: Entry, *, sampled: bool) -> None:
        """Holds the record in case its request fails; writes it if that has happened."""
        tail, kind = self._tail, kind_of(entry) if sampled else None
        request = tail.request() if tail is not None and LEVELS[str(entry["level"])] >= self._tail_level else None
        if tail is None or request is None:
            if kind is not None:
                self._sampled_out.count(kind)
        elif request.failed:
            mark(entry, "tail", True)
            self._pass(entry)
        else:
            # Now: what it refers to may change, and a secret that is cut in two would not be found any more.
            _, line = self._redaction.render(entry, self._max_line_bytes)
            tail.hold(request, line, kind)

    def _pass(self, entry: Entry) -> None:
        repeats = self._repeats
        if repeats is None or entry["stream"] not in (APP, ERROR) or repeats.lets_through(entry):
            self._report_repeats(now=False)  # of the window before comes first
            self._write(entry)

    def _report(self, *, now: bool) -> None:
        self._report_repeats(now=now)
        counts = self._sampled_out.take(now=now)
        if counts:
            fields: dict[str, object] = {"count": counts.total()}
            fields["kinds"] = {" ".join(filter(None, kind)): count for kind, count in counts.most_common()}
            self._tell("logpipe.sampled", f"{counts.total()} records were sampled out", fields, level="INFO")

    def _report_repeats(self, *, now: bool) -> None:
        for message, window in self._repeats.take(now=now) if self._repeats is not None else ():
            words = f"{window.words} … repeated {window.count} more times"
            fields: dict[str, object] = {"count": window.count, "first": window.first, "last": window.last}
            if message.exception_type is not None:
                fields["exception_type"] = message.exception_type
            self._tell(
                "logpipe.repeated",
                words,
                fields,
                level=message.level,
                logger=message.logger,
                template=window.words,
            )


def _has_level_of_its_own(name: str) -> bool:
    """Whether the logger's level, which let the record through, was set by the application and not for the tail."""
    logger = logging.root.manager.loggerDict.get(name)
    while isinstance(logger, logging.Logger) and logger is not logging.root:
        if logger.level:
            return True
        logger = logger.parent
    return False

"""The record on the console: for people on a terminal, as JSON lines in a container."""

import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, TextIO

from logpipe.emit.entry import RESERVED_WHEN_RAISED
from logpipe.emit.outlet import Outlet
from logpipe.emit.values import Entry
from logpipe.record import KEYS

_DIM, _RESET = "\x1b[2m", "\x1b[0m"
_COLOURS: Final = {
    "TRACE": "\x1b[2m",
    "DEBUG": "\x1b[36m",
    "INFO": "\x1b[32m",
    "WARNING": "\x1b[33m",
    "ERROR": "\x1b[31m",
    "CRITICAL": "\x1b[1;31m",
}
_SHOWN_FIRST: Final = tuple(key for key in KEYS if key not in RESERVED_WHEN_RAISED)
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_WITHIN: Final = "\n    "  # so that a line of a message cannot pass for a record
_CONTAINER_MARKS: Final = ("/.dockerenv", "/run/.containerenv")


class Console:
    """Writes each record to standard error as text, or to standard output as its JSON line; never raises."""

    def __init__(self, style: str, tell: Callable[[int], None], environ: Mapping[str, str] = os.environ) -> None:
        """tell: called with how many lines were not shown because nobody read"""
        self.style = _style(style, environ)
        self._colour = _wants_colour(sys.stderr, environ)
        self._error, output = Outlet("stderr", tell), Outlet("stdout", tell)
        self._outlets = (self._error, output)
        self._outlet = output if self.style == "json" else self._error
        self.show_line = self._outlet.write
        """Writes a record's line of JSON."""

    def show(self, entry: Entry, line: bytes) -> None:
        """Writes the record, if this console is on."""
        if self.style == "json":
            self.show_line(line)
        elif self.style != "off":
            with suppress(Exception):  # a value whose __str__ raises; the record is in its file
                self._outlet.write(_for_people(entry, colour=self._colour))

    def say(self, words: str) -> None:
        """Writes a line of text that is no record to standard error, also where this console is off."""
        with suppress(Exception):
            self._error.write(words)

    @property
    def is_read(self) -> bool:
        """Whether the last line was shown."""
        return self._outlet.is_read

    def finish(self) -> None:
        """Shows what is begun, if somebody reads, and tells what was not shown."""
        for outlet in self._outlets:
            outlet.finish()

    def after_fork_in_child(self) -> None:
        """What waits, and what was not shown, is the parent's."""
        for outlet in self._outlets:
            outlet.after_fork_in_child()


def _style(style: str, environ: Mapping[str, str]) -> str:
    if style not in ("auto", "on"):
        return style
    if _is_terminal(sys.stderr):
        return "text"
    return "json" if style == "on" or _in_container(environ) else "off"


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def _in_container(environ: Mapping[str, str]) -> bool:
    return "KUBERNETES_SERVICE_HOST" in environ or any(os.path.exists(mark) for mark in _CONTAINER_MARKS)


def _wants_colour(stream: TextIO | None, environ: Mapping[str, str]) -> bool:
    if environ.get("NO_COLOR"):
        return False
    return bool(environ.get("FORCE_COLOR")) or _is_terminal(stream)


def _for_people(entry: Entry, *, colour: bool) -> str:
    moment = str(entry["timestamp"])[:23].replace("T", " ")
    level = str(entry["level"])
    fields = [key for key in _SHOWN_FIRST if key in entry] + [key for key in entry if key not in KEYS]
    tail = "".join(f" {key}={entry[key]!s}" for key in fields)
    words = _clean(f"{entry.get('logger', '')}: {entry['message']}")
    tail, stack = _clean(tail), _clean(str(entry.get("exception_stacktrace", "")))
    words, tail = words.replace("\n", _WITHIN), tail.replace("\n", _WITHIN)
    if colour:
        level = f"{_COLOURS[level]}{level:<8}{_RESET}"
        moment, tail = f"{_DIM}{moment}{_RESET}", f"{_DIM}{tail}{_RESET}"
    else:
        level = f"{level:<8}"
    return f"{moment} {level} {words}{tail}\n" + (f"{stack}\n" if stack else "")


def _clean(words: str) -> str:
    """The text without what would move a terminal's cursor, colour its screen or turn the direction of writing."""
    return _CONTROLS.sub(lambda match: repr(match[0])[1:-1], words)

"""Messages that repeat: so many of each are written in a window of time, and the others counted and told."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, NamedTuple

from logpipe.emit.redaction import Redaction
from logpipe.emit.values import Entry

_MOST_MESSAGES: Final = 1000
_MOST_CHARACTERS: Final = 300


class Message(NamedTuple):
    """What makes two records the same message."""

    logger: str
    level: str
    exception_type: object
    digest: int
    """Of the template, else of the message itself."""


@dataclass(slots=True)
class Window:
    """What came of a message since its first record."""

    ends: float
    words: str
    """The template or message without secrets; no more of it than tells what it was."""
    written: int = 0
    count: int = 0
    """Records that were not written."""
    first: str = ""
    last: str = ""
    """When the first and the last of them were made."""


class Repeats:
    """Lets `limit` records of a message through in each window of `window_s` seconds, of the last 1,000 messages."""

    def __init__(self, limit: int, window_s: float, redaction: Redaction) -> None:
        self._limit = limit
        self._window_s = window_s
        self._redaction = redaction
        self.after_fork_in_child()

    def after_fork_in_child(self) -> None:
        """The parent tells of what it counted."""
        self._lock = threading.RLock()
        self._windows: OrderedDict[Message, Window] = OrderedDict()
        self._ended: list[tuple[Message, Window]] = []
        self._look_at = float("inf")

    def lets_through(self, entry: Entry) -> bool:
        """Whether the record is written; else it was counted."""
        message = _message(entry)
        with self._lock:
            window = self._window(message, entry)
            if window.written < self._limit:
                window.written += 1
                return True
            moment = str(entry["timestamp"])
            window.first = window.first or moment
            window.last = moment
            window.count += 1
            self._look_at = min(self._look_at, window.ends)
            return False

    def take(self, *, now: bool) -> list[tuple[Message, Window]]:
        """What was counted in windows that have ended, or in all of them, which the caller then tells."""
        moment = time.monotonic()
        if not (now or self._ended or moment >= self._look_at):
            return []
        with self._lock:
            for message, window in list(self._windows.items()):
                if window.count and (now or moment >= window.ends):
                    self._ended.append((message, window))
                    self._windows[message] = Window(window.ends, window.words, written=window.written)
            self._look_at = min(
                (window.ends for window in self._windows.values() if window.count), default=float("inf")
            )
            ended, self._ended = self._ended, []
        return ended

    def _window(self, message: Message, entry: Entry) -> Window:
        moment = time.monotonic()
        window = self._windows.get(message)
        if window is None or moment >= window.ends:
            self._tell_of(message, window)
            window = self._windows[message] = Window(moment + self._window_s, self._words(entry))
        self._windows.move_to_end(message)
        if len(self._windows) > _MOST_MESSAGES:
            self._tell_of(*self._windows.popitem(last=False))
        return window

    def _words(self, entry: Entry) -> str:
        """Cut when the secrets are out: half of one would not be found."""
        key = _key(entry)
        return str(self._redaction.by_form({key: str(entry[key])})[key])[:_MOST_CHARACTERS]

    def _tell_of(self, message: Message, window: Window | None) -> None:
        if window is not None and window.count:
            self._ended.append((message, window))


def _message(entry: Entry) -> Message:
    logger, level = str(entry.get("logger", "")), str(entry["level"])
    return Message(logger, level, entry.get("exception_type"), hash(str(entry[_key(entry)])))


def _key(entry: Entry) -> str:
    return "template" if "template" in entry else "message"

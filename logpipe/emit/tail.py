"""The records of a request that are written only if it fails: held in memory until it has ended, or failed.

A request is what is inside a `log_context` in which the key's field gets another value than around it. One in another
is a part of it: where it fails, the outer one has failed too.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from typing import Final, Protocol

import orjson

from logpipe.emit.sampling import Kind, mark
from logpipe.emit.values import Entry, text

_REQUEST_BYTES: Final = 1 << 20
"""What one request may hold."""

_OVERHEAD: Final = 120
"""Bytes that a held line costs beside its own."""


class Request:
    """A request, and what is held of it."""

    __slots__ = ("ended", "failed", "held", "key", "missing", "outer", "owner", "size")

    def __init__(self, owner: "Tail", key: tuple[str, str], outer: "Request | None") -> None:
        self.owner = owner
        self.key = key
        self.outer = outer
        self.held: deque[tuple[bytes, Kind | None]] = deque()
        """Lines, and as what each is counted if it is not written, for those that were sampled out."""
        self.size = 0
        self.missing = 0
        """Records that had to make room."""
        self.failed = False
        self.ended = False


class Tell(Protocol):
    """Writes a record of the emitter's own."""

    def __call__(
        self,
        event: str,
        message: str,
        fields: dict[str, object],
        *,
        level: str = ...,
        logger: str = ...,
        template: str | None = ...,
    ) -> None: ...


_REQUEST: Final[ContextVar[Request | None]] = ContextVar("logpipe_request", default=None)


class Tail:
    """Holds the lines of requests.

    records:   the most that are held of one request
    max_bytes: the most that are held of all requests together; then the request that has held for longest lets go
    write:     called with each record of a request that failed
    forget:    called for each line that was sampled out and is let go
    """

    def __init__(
        self,
        *,
        key: str,
        records: int,
        max_bytes: int,
        write: Callable[[Entry], None],
        forget: Callable[[Kind], None],
        tell: Tell,
    ) -> None:
        self._key = key
        self._records = records
        self._max_bytes = max_bytes
        self._write = write
        self._forget = forget
        self._tell = tell
        self._lock = threading.RLock()
        self._size = 0
        self._requests: OrderedDict[Request, None] = OrderedDict()  # that hold lines; who began with it first is first

    def request(self) -> Request | None:
        """The request that the caller is in."""
        request = _REQUEST.get()
        return request if request is not None and request.owner is self else None

    def begin(self, fields: Mapping[str, object]) -> Callable[[bool], None]:
        """Follows `log_context`."""
        names = (self._key, "trace_id")
        key = next(((name, text(fields[name])) for name in names if fields.get(name) is not None), None)
        outer = self.request()
        if key is None or (outer is not None and not outer.ended and outer.key == key):
            return _nothing
        request = Request(self, key, outer)
        token = _REQUEST.set(request)

        def end(failed: bool) -> None:
            if failed:
                self.fail(request)
            self._end(request)
            with suppress(ValueError):  # a generator was closed in another context
                _REQUEST.reset(token)

        return end

    def hold(self, request: Request, line: bytes, sampled: Kind | None) -> None:
        """Keeps the line until the request ends or fails."""
        size = len(line) + _OVERHEAD
        with self._lock:
            if not request.ended:
                request.held.append((line, sampled))
                request.size += size
                self._size += size
                self._requests.setdefault(request)
                self._make_room(request)
            elif sampled is not None:
                self._forget(sampled)
        if request.failed:  # a signal handler, or another thread, logged an error since it was looked at
            self._release(request)

    def fail(self, request: Request) -> None:
        """Writes what is held of the request and of those around it; what they log later is not held."""
        around: Request | None = request
        requests = []
        while around is not None:
            requests.append(around)
            around = around.outer
        for one in reversed(requests):
            self._release(one)

    def close(self) -> None:
        """Lets go of what is held."""
        for request in list(self._requests):
            self._end(request)

    def after_fork_in_child(self) -> None:
        """What the parent holds is the parent's."""
        self._lock = threading.RLock()
        for request in list(self._requests):
            request.held.clear()
            request.size = request.missing = 0
        self._requests.clear()
        self._size = 0

    def _release(self, request: Request) -> None:
        with self._lock:
            request.failed = True
            held, missing = self._take(request), request.missing
            request.missing = 0
        if missing:
            words = f"{missing} earlier records of a request that failed had made room for others"
            self._tell("logpipe.tail_cut", words, {"count": missing, request.key[0]: request.key[1]})
        for line, _ in held:
            entry = orjson.loads(line)
            mark(entry, "tail", True)
            self._write(entry)

    def _end(self, request: Request) -> None:
        with self._lock:
            request.ended = True
            held = self._take(request)
        for _, sampled in held:
            if sampled is not None:
                self._forget(sampled)

    def _make_room(self, request: Request) -> None:
        while request.held and (len(request.held) > self._records or request.size > _REQUEST_BYTES):
            line, sampled = request.held.popleft()
            request.size -= len(line) + _OVERHEAD
            self._size -= len(line) + _OVERHEAD
            self._miss(request, sampled)
        while self._size > self._max_bytes and self._requests:
            oldest, _ = self._requests.popitem(last=False)
            for _, sampled in self._take(oldest):
                self._miss(oldest, sampled)

    def _miss(self, request: Request, sampled: Kind | None) -> None:
        request.missing += 1
        if sampled is not None:
            self._forget(sampled)

    def _take(self, request: Request) -> deque[tuple[bytes, Kind | None]]:
        held: deque[tuple[bytes, Kind | None]] = deque()
        with suppress(IndexError):  # it is empty now
            while True:  # the deque stays: whom a signal handler interrupts may be about to append to it
                held.append(request.held.popleft())
        self._size -= request.size
        request.size = 0
        self._requests.pop(request, None)
        return held


def _nothing(failed: bool) -> None:
    """The end of a context that is no request of its own."""

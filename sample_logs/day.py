"""What happens in the day: records that services will log, requests that nginx saw, statements that PostgreSQL ran."""

import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

from logpipe import log_context
from sample_logs.clock import VirtualClock
from sample_logs.incidents import DATE, DAY_S


class Moment(NamedTuple):
    """A call that logs, and when it is made."""

    at: float
    context: Mapping[str, object]
    call: Callable[..., None]
    args: tuple[object, ...]


class Hit(NamedTuple):
    """A request as the web server in front sees it."""

    at: float
    """When it was answered."""
    address: str
    method: str
    path: str
    status: int
    size: int
    referrer: str
    agent: str


class Statement(NamedTuple):
    """A statement as the database sees it."""

    at: float
    """When it ended."""
    backend: int
    """Process id of the connection's server process."""
    user: str
    sql: str
    duration_ms: float
    error: str | None = None
    detail: str | None = None


@dataclass(slots=True)
class Day:
    """Collects what happens, in any order."""

    seed: int
    scale: float
    """Traffic as a share of the whole."""
    since: float = 0.0
    """The second from which on things are logged."""
    until: float = DAY_S
    """The second from which on they are no more."""
    moments: dict[str, list[Moment]] = field(default_factory=lambda: defaultdict(list))
    """By service."""
    hits: list[Hit] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    orders: list[tuple[float, str]] = field(default_factory=list)
    """(when, order) that the worker is to confirm."""

    def random(self, name: str) -> random.Random:
        """A generator of its own for each part, so that a change in one leaves the others as they are."""
        return random.Random(f"{self.seed} {name}")

    def log(
        self, service: str, at: float, context: Mapping[str, object], call: Callable[..., None], *args: object
    ) -> None:
        """The service logs by `call(*args)` then; what would fall out of the span is left out."""
        if self.covers(at):
            self.moments[service].append(Moment(at, context, call, args))

    def covers(self, at: float) -> bool:
        """Whether a second lies in what is logged."""
        return self.since <= at < self.until

    def play(self, service: str, clock: VirtualClock, start: float, end: float) -> None:
        """Log the service's moments of a stretch in their order."""
        begin = DATE.timestamp()
        chosen = sorted((one for one in self.moments[service] if start <= one.at < end), key=itemgetter(0))
        for at, context, call, args in chosen:
            clock.now = begin + at
            with log_context(**context):
                call(*args)

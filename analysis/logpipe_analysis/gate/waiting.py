"""A gate that waits: it looks again as data come in, until it can answer or its time is over."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta

from logpipe.errors import QueryError
from logpipe.store import Store
from logpipe_analysis.gate.schedule import alpha_of, look
from logpipe_analysis.gate.sides import aligned, of_versions
from logpipe_analysis.gate.verdict import Verdict, judge
from logpipe_analysis.settings import GateSettings


@dataclass(frozen=True, slots=True)
class Question:
    """What a gate over a database is asked."""

    service: str
    environment: str | None
    baseline: str
    candidate: str
    settings: GateSettings

    def answer(self, store: Store) -> Verdict:
        """The verdict of one look that is the only one.

        Raises:
            QueryError: there is no such service, baseline or candidate, or an environment must be named.
        """
        verdict = self._judged(store, self.settings.alpha)
        if not verdict.candidate.events:
            raise QueryError(
                f"no record of the service {self.service!r} names the version {self.candidate!r}",
                remedy="wait for the first of them with --wait",
                reason="unknown_version",
            )
        return verdict

    def answer_of_look(self, store: Store, before: int, *, last: bool) -> tuple[Verdict | None, int]:
        """The verdict of the look that is due after the look `before`, and its number; None where none is.

        The `last` look is one whether it is due or not.
        """
        baseline, candidate, _ = of_versions(store, self.service, self.environment, self.baseline, self.candidate)
        number = look(len(aligned(baseline, candidate, self.settings)[1].minutes()), self.settings)
        if number <= before and not last:
            return None, before
        number = max(number, before + 1)
        return self._judged(store, alpha_of(number, self.settings)), number

    def _judged(self, store: Store, alpha: float) -> Verdict:
        baseline, candidate, environment = of_versions(
            store, self.service, self.environment, self.baseline, self.candidate
        )
        return judge(baseline, candidate, self.settings, service=self.service, environment=environment, alpha=alpha)


@dataclass(frozen=True, slots=True)
class Clock:
    """Time as the gate sees it."""

    now_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def wait(
    question: Question,
    open_store: Callable[[], AbstractContextManager[Store]],
    *,
    longest: timedelta,
    poll: timedelta,
    told: Callable[[Verdict, int], None],
    clock: Clock | None = None,
) -> Verdict:
    """The first verdict that is an answer, or the last one when the time is over; `told` hears of every look.

    The store is open for no longer than a look takes, so that others can write to it.

    Raises:
        QueryError: as `Question.answer`.
        StoreError: the store cannot be read.
    """
    clock = clock or Clock()
    end_s = clock.now_s() + longest.total_seconds()
    number = 0
    while True:
        over = clock.now_s() >= end_s
        with open_store() as store:
            verdict, number = question.answer_of_look(store, number, last=over)
        if verdict is not None:
            told(verdict, number)
            if over or verdict.answer != "not_enough_data":
                return verdict
        clock.sleep(max(min(poll.total_seconds(), end_s - clock.now_s()), 0.0))

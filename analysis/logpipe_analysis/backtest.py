"""History once more through the detectors: what they would have reported, and when.

As if `analyze` had run after every bucket, each time with the events up to then and nothing later. To run so often
costs much, so the moments are first looked at with a stride; where what is found differs between two of them, the
stretch between is halved until it is known after which bucket it does. So the moments of report, end and retraction are
exact to the bucket. What is not seen is a finding that both comes and goes between two moments that else show the same;
with a stride of one bucket every moment is looked at, and nothing is missed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from logpipe.store import Store
from logpipe_analysis.analysis import adjoining, as_of, extent
from logpipe_analysis.finding import Finding, Kind
from logpipe_analysis.findings import paired
from logpipe_analysis.patterns import mine
from logpipe_analysis.settings import Settings
from logpipe_analysis.timerange import TimeRange

STRIDE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Fired:
    """A finding over its life, as a person would have met it."""

    reported: Finding
    """As it was told first."""
    finding: Finding
    """As it was seen last."""
    onset: datetime
    """As it was told first."""
    reported_at: datetime
    """The first moment at which an analysis found it."""
    closed_at: datetime | None
    """The moment from which on it was told as over; None where it is open at the end."""
    retracted: bool
    """It was open, and then no longer found: an alarm that was taken back."""

    @property
    def delay(self) -> timedelta:
        """From the onset to the report."""
        return self.reported_at - self.onset

    def open_for(self, until: datetime) -> timedelta:
        """How long it was told as open; nothing where it was over when it was found."""
        return (self.closed_at or until) - self.reported_at


@dataclass(frozen=True, slots=True)
class Replay:
    """What one configuration would have done."""

    since: datetime
    until: datetime
    fired: tuple[Fired, ...]
    """By the moment of report; what was found at `since` already is left out."""
    moments: int
    """At so many an analysis could have run: at the beginning, and after each bucket."""
    analyses: int
    """At so many of them one was."""


@dataclass(slots=True)
class _History:
    """What an analysis finds after each of the buckets, as far as it was looked at."""

    at: Callable[[int], list[Finding]]
    moment: Callable[[int], datetime]
    adjoining: timedelta
    found: dict[int, list[Finding]] = field(default_factory=dict)

    def look(self, index: int) -> list[Finding]:
        if index not in self.found:
            self.found[index] = self.at(index)
        return self.found[index]

    def refine(self, first: int, last: int) -> None:
        """Look between two moments until nothing differs but between neighbours."""
        before, after = self.look(first), self.look(last)
        if last - first <= 1 or not self._differ(before, after, last):
            return
        middle = (first + last) // 2
        self.refine(first, middle)
        self.refine(middle, last)

    def _differ(self, before: Sequence[Finding], after: Sequence[Finding], last: int) -> bool:
        pairs, gone = paired(after, before, self.moment(last), self.adjoining)
        return any(old is None or _lasts(old) != _lasts(new) for new, old in pairs) or any(map(_lasts, gone))


def backtest(
    store: Store,
    since: datetime | None = None,
    until: datetime | None = None,
    kinds: Sequence[Kind] | None = None,
    settings: Settings | None = None,
    *,
    stride: timedelta = STRIDE,
    progress: Callable[[float], None] | None = None,
) -> Replay | None:
    """Replay `since` to `until` (the analysed stretch, where None); None where there are no events.

    Findings are neither read nor stored. `progress` is told the share of the range that is done.

    Raises:
        StoreError: the store cannot be read, or its patterns not counted.
    """
    settings = settings or Settings()
    mine(store)
    covered = extent(store, until, settings)
    if covered is None or (since and since >= covered.until):
        return None
    first = TimeRange.border(max(since, covered.since), settings.bucket) if since else covered.since
    moments = (covered.until - first) // settings.bucket

    def moment(index: int) -> datetime:
        return first + index * settings.bucket

    history = _History(lambda index: as_of(store, moment(index), kinds, settings), moment, adjoining(settings))
    step = max(stride // settings.bucket, 1)
    for start in range(0, moments, step):
        history.refine(start, min(start + step, moments))
        if progress:
            progress(min(start + step, moments) / moments)
    return Replay(first, covered.until, _lived(history), moments + 1, len(history.found))


def _lasts(finding: Finding) -> bool:
    return finding.ended_at is None


def _lived(history: _History) -> tuple[Fired, ...]:
    """The findings of all moments put together, as `findings.record` does over runs."""
    lives: list[Fired] = []
    known = 0
    for index, found in sorted(history.found.items()):
        now = history.moment(index)
        pairs, gone = paired(found, [life.finding for life in lives], now, history.adjoining)
        place = {id(life.finding): i for i, life in enumerate(lives)}
        for finding, before in pairs:
            if before is None:
                lives.append(Fired(finding, finding, finding.started_at, now, None if _lasts(finding) else now, False))
            else:
                i = place[id(before)]
                lives[i] = _seen(lives[i], finding, now)
        for lost in gone:
            i = place[id(lost)]
            if lives[i].closed_at is None:
                lives[i] = replace(lives[i], finding=replace(lost, ended_at=now), closed_at=now, retracted=True)
        if index == 0:
            known = len(lives)
    return tuple(sorted(lives[known:], key=lambda life: (life.reported_at, life.onset, life.finding.fingerprint)))


def _seen(life: Fired, finding: Finding, now: datetime) -> Fired:
    """It was found again; where it had been told as over and now lasts, it is open again."""
    closed_at = None if _lasts(finding) else life.closed_at or now
    return replace(life, finding=finding, closed_at=closed_at, retracted=life.retracted and closed_at is not None)


def differences(one: Replay, other: Replay, within: timedelta) -> list[tuple[Fired | None, Fired | None]]:
    """What each of two replays reported, side by side; None where the other did not."""
    lives = {id(life.finding): life for life in (*one.fired, *other.fired)}
    pairs, alone = paired(
        [life.finding for life in other.fired], [life.finding for life in one.fired], one.until, within
    )
    both: list[tuple[Fired | None, Fired | None]] = []
    both += [(lives[id(old)] if old else None, lives[id(new)]) for new, old in pairs]
    both += [(lives[id(lost)], None) for lost in alone]
    return sorted(both, key=lambda two: min(life.reported_at for life in two if life))

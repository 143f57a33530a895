"""Spikes of errors in series of counts: each series judged by itself, then decided which of all are findings.

Series end together and may begin at different buckets. What is counted, calibrated and decided at a bucket depends on
nothing after it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from logpipe_analysis.settings import ErrorSpikeSettings
from logpipe_analysis.statistics import counts
from logpipe_analysis.statistics.baselines import quantile, trailing_sum
from logpipe_analysis.statistics.discoveries import CANDIDATE, discoveries
from logpipe_analysis.statistics.episodes import episodes
from logpipe_analysis.statistics.tails import calibrated

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_AFTER_P_VALUE = 0.01
"""A bucket after those that were found prolongs an episode when it is as improbable as this."""
_STRAY = 1.0
"""So many errors in a bucket prolong no episode, however seldom they come."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A series judged by its own past; arrays have one value a bucket."""

    errors: Floats
    volume: Floats
    excess: counts.Excess
    p_values: Floats
    """How many episodes as improbable are to be expected a bucket; 1 where there is nothing to be said."""
    window: npt.NDArray[np.uint8]
    """Which of the windows that end there is the least probable."""
    tested: npt.NDArray[np.bool_]
    """Whether the last days held errors enough for a finding."""


@dataclass(frozen=True, slots=True)
class Spike:
    """An episode of a series; `end` exclusive."""

    start: int
    end: int
    usual: Floats
    """What was to be expected of each bucket from `start` to the end of the series, by what was known then."""
    p_value: float
    false_share: float
    """Of the findings that are as improbable, the share that is to be expected false."""

    @property
    def expected(self) -> float:
        return float(self.usual[: self.end - self.start].sum())


def judge(errors: Floats, volume: Floats, *, history: int, settings: ErrorSpikeSettings) -> Judged:
    """Compare each bucket, and the windows that end there, with the `history` buckets before."""
    judged = counts.excess(
        errors,
        volume,
        history=history,
        min_history=settings.min_history_buckets,
        windows=settings.windows,
        cap_quantile=settings.cap_quantile,
    )
    relevant = counts.relevant(
        judged, errors, windows=settings.windows, min_count=settings.min_errors, min_ratio=settings.min_ratio
    )
    scores = -np.log(np.maximum(np.nan_to_num(judged.p_values, nan=1.0), 1e-300))
    matter = np.where(relevant, scores, 0.0)
    return Judged(
        errors,
        volume,
        judged,
        calibrated(scores.max(axis=0), matter.max(axis=0), settings.min_history_buckets, settings.max_gap_buckets),
        matter.argmax(axis=0).astype(np.uint8),
        trailing_sum(errors, history) + errors >= settings.min_errors,
    )


def decide(
    series: Sequence[Callable[[], Judged]],
    groups: Sequence[int],
    *,
    length: int,
    history: int,
    settings: ErrorSpikeSettings,
) -> list[list[Spike]]:
    """The spikes of each series, of at most `length` buckets. Those of one group that spike together are one finding.

    A judged series is long, and there may be thousands: each is asked for, looked at and let go, and asked for again
    where it has spikes.
    """
    stretch, tests = settings.share_histories * history, np.zeros(length)
    smallest: dict[int, Floats] = {}
    small: list[tuple[Ints, Floats]] = []
    for judged, group in zip(series, groups, strict=True):
        one = judged()
        inside = slice(length - len(one.p_values), length)
        tests[inside] += np.maximum(trailing_sum(one.tested.astype(np.float64), stretch), history) * one.tested
        at = np.flatnonzero(one.p_values <= CANDIDATE)
        small.append((inside.start + at, one.p_values[at]))
        if len(at):
            np.minimum.at(smallest.setdefault(group, np.ones(length)), *small[-1])
    if not smallest:
        return [[] for _ in series]
    decided = discoveries(
        np.vstack(list(smallest.values())),
        tests,
        share=settings.false_share,
        stretch=stretch,
        max_gap=settings.max_gap_buckets,
    )
    shares = dict(zip(smallest, decided.false_shares, strict=True))
    return [
        list(_spikes(judged(), decided.cutoffs, shares[group], settings))
        if (p_values <= decided.cutoffs[at]).any()
        else []
        for judged, group, (at, p_values) in zip(series, groups, small, strict=True)
    ]


def _spikes(one: Judged, cutoffs: Floats, false_shares: Floats, settings: ErrorSpikeSettings) -> Iterator[Spike]:
    max_gap = settings.max_gap_buckets
    inside = slice(len(cutoffs) - len(one.p_values), None)
    found = one.p_values <= cutoffs[inside]
    flagged = found & (one.window == np.arange(len(settings.windows), dtype=np.uint8)[:, None])
    own = one.excess.own <= settings.own_p_value
    improbable = np.flatnonzero(flagged.any(axis=0))
    done = 0
    for episode in episodes(counts.members(flagged, own, one.errors, windows=settings.windows), max_gap):
        if episode.start < done:
            continue
        # By the first improbable window alone: an onset that was told is not moved by what follows.
        first = int(improbable[np.searchsorted(improbable, episode.start)]) + 1
        start = counts.onset(one.excess, one.errors, max(first - max(settings.windows), done), first)
        usual = _usual(one, start)
        done = max(episode.end, start + 1, _end(one, start, usual, settings))
        # A window may end after the last of the buckets that make it up.
        reach = slice(start, done + max(settings.windows))
        yield Spike(
            start,
            done,
            usual,
            float(one.p_values[reach].min()),
            float(false_shares[inside][reach].min()),
        )


def _usual(one: Judged, start: int) -> Floats:
    """What is expected of the buckets from `start` by what was known then: a spike does not become its own measure."""
    rate = one.excess.expected[start] / max(one.volume[start], 1.0)
    usual: Floats = np.maximum(rate * one.volume[start:], one.excess.lasting[start:])
    return usual


def _end(one: Judged, start: int, usual: Floats, settings: ErrorSpikeSettings) -> int:
    """The end of what goes on from `start` with no more than the gap between buckets that are out of line."""
    likely = quantile(usual, one.excess.alpha[start], 1 - _AFTER_P_VALUE)
    limit = np.maximum(np.maximum(likely, settings.min_ratio * usual), _STRAY)
    raised = np.flatnonzero(one.errors[start:] > limit)
    apart = np.flatnonzero(np.diff(raised, prepend=0) > settings.max_gap_buckets + 1)
    within = raised[: apart[0]] if len(apart) else raised
    return start + (int(within[-1]) + 1 if len(within) else 0)

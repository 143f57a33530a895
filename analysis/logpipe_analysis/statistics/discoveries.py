"""Which of many p values are findings, so that a stated share of the findings is false; decided as time goes.

At each bucket Benjamini and Hochberg's procedure (1995) is applied to the tests of a trailing stretch. A finding is an
episode of a group, however many p values and tests it has: tests of a group that are small together count once. What
is decided of a bucket depends on nothing after it.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from logpipe_analysis.statistics.counts import window_sum
from logpipe_analysis.statistics.episodes import episodes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CANDIDATE = 0.01
"""P values up to this may belong to an episode."""


@dataclass(frozen=True, slots=True)
class Discoveries:
    """What was decided of each bucket."""

    cutoffs: Floats
    """The largest p value that would be a finding at that bucket; 0 where none was found."""
    false_shares: Floats
    """Groups × buckets: of the findings of the stretch at least as improbable, the share to be expected false."""


def discoveries(smallest: Floats, tests: Floats, *, share: float, stretch: int, max_gap: int) -> Discoveries:
    """Decide of groups by the `smallest` p value of each (groups × buckets).

    So many `tests` were made in the `stretch` of buckets up to each one. Small p values of a group at most `max_gap`
    buckets apart are of one episode.
    """
    clusters = _clusters(smallest, max_gap)
    cutoffs, false_shares = np.zeros(smallest.shape[1]), np.ones_like(smallest)
    peaks: dict[int, deque[tuple[float, int]]] = {}
    groups, buckets = _candidates(smallest, tests, share, stretch)
    for bucket in np.unique(buckets):
        now = groups[buckets == bucket]
        for group in now:
            _add(peaks.setdefault(int(clusters[group, bucket]), deque()), float(smallest[group, bucket]), int(bucket))
        for cluster in [cluster for cluster, ahead in peaks.items() if _forget(ahead, bucket - stretch)]:
            del peaks[cluster]
        ordered = np.sort([ahead[0][0] for ahead in peaks.values()])
        expected = adjusted(ordered, tests[bucket])
        # Not the largest of those found: each stands for an episode, and other p values of that may be larger.
        cutoffs[bucket] = share * np.count_nonzero(expected <= share) / tests[bucket]
        as_small = np.searchsorted(ordered, smallest[now, bucket], side="right")
        own = smallest[now, bucket] * tests[bucket] / np.maximum(as_small, 1)
        false_shares[now, bucket] = np.minimum(own, np.append(expected, 1.0)[as_small])
    return Discoveries(cutoffs, false_shares)


def adjusted(p_values: Floats, tests: float) -> Floats:
    """The share of false discoveries among all that are as improbable (Benjamini and Hochberg 1995).

    `tests` may be more than there are values: those that were not kept count as tests without effect.
    """
    order = np.argsort(p_values)
    scaled = p_values[order] * tests / np.arange(1, len(p_values) + 1)
    falling = np.minimum.accumulate(scaled[::-1])[::-1]
    found = np.empty_like(falling)
    found[order] = np.minimum(falling, 1.0)
    return found


def _add(ahead: deque[tuple[float, int]], p_value: float, bucket: int) -> None:
    """To the p values of an episode that are, or will be when those before them are too old, its smallest."""
    while ahead and ahead[-1][0] >= p_value:
        ahead.pop()
    ahead.append((p_value, bucket))


def _forget(ahead: deque[tuple[float, int]], last: int) -> bool:
    """Those up to a bucket; whether none is left."""
    while ahead and ahead[0][1] <= last:
        ahead.popleft()
    return not ahead


def _clusters(smallest: Floats, max_gap: int) -> Ints:
    """Which episode each small p value is of."""
    clusters = np.zeros(smallest.shape, dtype=np.int64)
    number = 0
    for group, row in enumerate(smallest):
        for episode in episodes(row <= CANDIDATE, max_gap):
            number += 1
            clusters[group, episode.start : episode.end] = number
    return clusters


def _candidates(smallest: Floats, tests: Floats, share: float, stretch: int) -> tuple[Ints, Ints]:
    """Groups and buckets of all p values that any cut-off can reach: only to save time."""
    chosen = smallest <= CANDIDATE
    while True:
        most = window_sum(chosen.sum(axis=0).astype(np.float64), stretch)
        cutoffs = share * most / np.maximum(tests, 1.0)
        # One of now is counted beside those of the next stretch.
        ahead = ndimage.maximum_filter1d(cutoffs, stretch, origin=-(stretch // 2))
        closer = chosen & (smallest <= ahead)
        if closer.sum() == chosen.sum():
            groups, buckets = np.nonzero(closer)
            return groups, buckets
        chosen = closer

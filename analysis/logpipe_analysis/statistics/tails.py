"""What a score is worth by the scores that the same series has had before.

A model of counts is never quite right, least of all far out, and windows that overlap and rates that wander make
scores come in clusters. So a score is compared with the peaks of the earlier clusters of its own series: beyond a
threshold their excess is taken for exponential, as extreme value theory has it for most tails (peaks over threshold;
SPOT, Siffer et al. 2017), with a gamma prior on its rate, so that a short history counts for little and leaves a heavy
tail. What is known of each cluster is used for later ones only.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

THRESHOLD = 3.0
"""The score, a natural logarithm of one over a p value, from which on peaks are looked at."""

_CENSORED = 4.0
"""An excess beyond this counts as such only: it may be of what is looked for, and not of the ordinary."""
_PEAKS, _MEAN_EXCESS = 20.0, 5 / 3
"""The prior: so many peaks with that mean excess, as in simulated series of many kinds."""
_BUCKETS, _PER_BUCKET = 400.0, 0.025
"""The prior: so many buckets with that many clusters each."""
_HIGH, _HIGH_PEAKS, _HIGH_SHARE = 3.0, 10.0, 0.8
"""The prior: so many peaks of that excess, of which that share was of a size that matters."""
_SHAPE = 0.1
"""Of a tail without end: one as the model has it falls by e for each unit of the score, and slower ones also bend."""


def calibrated(scores: Floats, relevant: Floats, start: int, max_gap: int) -> Floats:
    """How many clusters a bucket are to be expected that reach the relevant score of that bucket.

    A score is relevant that may become a finding; both are zero where there is none. The result is 1 where the relevant
    score is not beyond the threshold, and before `start`. Scores at most `max_gap` buckets apart are one cluster.
    """
    p_values = np.ones_like(scores)
    raised = start + np.flatnonzero(scores[start:] > THRESHOLD)
    if not len(raised):
        return p_values
    first = np.concatenate(([0], np.flatnonzero(np.diff(raised) > max_gap + 1) + 1))
    known = _known(_peaks(scores[raised], first), _peaks(relevant[raised], first))
    cluster = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(raised))))
    excess = relevant[raised] - THRESHOLD
    tail = known.expected(np.maximum(excess, 0.0), cluster, judged=raised - start)
    p_values[raised] = np.where(excess > 0, tail, 1.0)
    return p_values


@dataclass(frozen=True, slots=True)
class _Known:
    """What each cluster's predecessors were, one value a cluster."""

    per_bucket_of: Floats
    """Clusters, to be divided by the buckets that they came in."""
    peaks: Floats
    rate: Floats
    """One over the mean excess of the peaks."""
    matter: Floats
    """The share of high peaks that are relevant."""

    def expected(self, excess: Floats, cluster: Ints, judged: Ints) -> Floats:
        """Clusters a bucket that reach an excess and are relevant, as known in that cluster after so many buckets."""
        per_bucket = self.per_bucket_of[cluster] / (_BUCKETS + judged)
        rate = self.rate[cluster]
        shape = 1.0 / self.peaks[cluster] + _SHAPE * np.maximum(1.0 - rate, 0.0)
        tail = (1.0 + shape * rate * excess) ** (-1.0 / shape)
        return np.asarray(np.minimum(per_bucket * self.matter[cluster] * tail, 1.0))


def _known(peaks: Floats, relevant_peaks: Floats) -> _Known:
    uncensored = _PEAKS + _before(peaks < _CENSORED)
    return _Known(
        _PER_BUCKET * _BUCKETS + np.arange(len(peaks), dtype=np.float64),
        uncensored,
        uncensored / (_PEAKS * _MEAN_EXCESS + _before(np.minimum(peaks, _CENSORED))),
        (_HIGH_SHARE * _HIGH_PEAKS + _before(relevant_peaks > _HIGH)) / (_HIGH_PEAKS + _before(peaks > _HIGH)),
    )


def _peaks(scores: Floats, first: Ints) -> Floats:
    """How far the largest of each cluster is beyond the threshold."""
    return np.asarray(np.maximum.reduceat(scores, first) - THRESHOLD, dtype=np.float64)


def _before(values: npt.NDArray[Any]) -> Floats:
    """The sum of the values before each."""
    return np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)[:-1]))

"""What a score is worth by the scores that the same series has had before.

A model of counts is never quite right, least of all far out, and windows that overlap and rates that wander make
scores come in clusters. So a score is compared with the peaks of the earlier clusters of its own series: beyond a
threshold their excess is taken for exponential, as extreme value theory has it for most tails (peaks over threshold;
SPOT, Siffer et al. 2017), with a gamma prior on its rate, so that a short history counts for little and leaves a heavy
tail. What is known of each cluster is used for later ones only.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from logpipe_analysis.statistics.episodes import episodes

Floats = npt.NDArray[np.float64]

THRESHOLD = 3.0
"""The score, a natural logarithm of one over a p value, from which on peaks are looked at."""

_CENSORED = 4.0
"""An excess beyond this counts as such only: it may be of what is looked for, and not of the ordinary."""
_PEAKS, _MEAN_EXCESS = 12.0, 5 / 3
"""The prior: so many peaks with that mean excess, as in simulated series of many kinds."""
_BUCKETS, _PER_BUCKET = 400.0, 0.025
"""The prior: so many buckets with that many clusters each."""
_HIGH, _HIGH_PEAKS, _HIGH_SHARE = 3.0, 10.0, 0.8
"""The prior: so many peaks of that excess, of which that share was of a size that matters."""
_SHAPE = 0.02
"""Of the generalised Pareto distribution that the tail has at least: no tail is known to be exponential."""


def calibrated(scores: Floats, relevant: Floats, start: int, max_gap: int) -> Floats:
    """How many clusters a bucket are to be expected that reach the relevant score of that bucket.

    A score is relevant that may become a finding; both are zero where there is none. The result is 1 where the relevant
    score is not beyond the threshold, and before `start`. Scores at most `max_gap` buckets apart are one cluster.
    """
    p_values = np.ones_like(scores)
    known = _Known()
    beyond = scores > THRESHOLD
    beyond[:start] = False
    for cluster in episodes(beyond, max_gap):
        inside = slice(cluster.start, cluster.end)
        excess = relevant[inside] - THRESHOLD
        judged = np.arange(cluster.start, cluster.end) - start
        p_values[inside] = np.where(excess > 0, known.expected(np.maximum(excess, 0.0), judged), 1.0)
        known.learn(float(scores[inside].max()) - THRESHOLD, float(excess.max()))
    return p_values


@dataclass(slots=True)
class _Known:
    """Of the clusters so far."""

    clusters: int = 0
    uncensored: int = 0
    excess: float = 0.0
    high: int = 0
    high_relevant: int = 0

    def expected(self, excess: Floats, judged: npt.NDArray[np.int64]) -> Floats:
        """Clusters a bucket that reach an excess and matter, after so many judged buckets."""
        per_bucket = (_PER_BUCKET * _BUCKETS + self.clusters) / (_BUCKETS + judged)
        matter = (_HIGH_SHARE * _HIGH_PEAKS + self.high_relevant) / (_HIGH_PEAKS + self.high)
        peaks = _PEAKS + self.uncensored
        rate = peaks / (_PEAKS * _MEAN_EXCESS + self.excess)
        shape = 1.0 / peaks + _SHAPE
        return np.asarray(np.minimum(per_bucket * matter * (1.0 + shape * rate * excess) ** (-1.0 / shape), 1.0))

    def learn(self, peak: float, relevant_peak: float) -> None:
        self.clusters += 1
        self.uncensored += peak < _CENSORED
        self.excess += min(peak, _CENSORED)
        self.high += peak > _HIGH
        self.high_relevant += relevant_peak > _HIGH

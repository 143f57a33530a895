"""How sure a figure of durations is: 95 % intervals by a block bootstrap over bins of time.

Bins are drawn in blocks (Künsch 1989; circular, Politis and Romano 1992), since neighbours are alike, and independent
draws would call a level surer than it is. The draws are seeded: the same histograms give the same interval.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from logpipe_analysis.statistics import histograms

Floats = npt.NDArray[np.float64]
Figure = Callable[[Floats], Floats]

_DRAWS = 400
MOST_BINS = 240
_SEED = 20260105


@dataclass(frozen=True, slots=True)
class Spread:
    """The 95 % intervals of a figure before and after, in ms, and of the one over the other."""

    before: tuple[float, float]
    after: tuple[float, float]
    ratio: tuple[float, float]


def spread(before: Floats, after: Floats, figure: Figure) -> Spread:
    """Of two histograms over time; `figure` tells the logarithm of ms for each row of summed histograms."""
    generator = np.random.default_rng(_SEED)
    logs = [figure(_redrawn(histogram, generator)) for histogram in (before, after)]
    return Spread(_interval(logs[0]), _interval(logs[1]), _interval(logs[1] - logs[0]))


def _redrawn(histogram: Floats, generator: np.random.Generator) -> Floats:
    """Sums over redrawn bins, a row a draw."""
    bins = histograms.merged(histogram, max(-(-len(histogram) // MOST_BINS), 1))
    count = len(bins)
    length = max(round(count ** (1 / 3)), 1)
    starts = generator.integers(0, count, (_DRAWS, -(-count // length)))
    drawn = (starts[..., None] + np.arange(length)).reshape(_DRAWS, -1)[:, :count] % count
    times = np.bincount((np.arange(_DRAWS)[:, None] * count + drawn).ravel(), minlength=_DRAWS * count)
    sums: Floats = times.reshape(_DRAWS, count).astype(np.float64) @ bins
    return sums


def _interval(logs: Floats) -> tuple[float, float]:
    low, high = np.exp(np.nanpercentile(logs, (2.5, 97.5)))
    return float(low), float(high)

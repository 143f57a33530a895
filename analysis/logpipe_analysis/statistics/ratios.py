"""How much worse one stretch of minutes is than another: ratios of rates and of latencies, with their intervals.

Minutes are not independent and counts scatter more than Poisson's, so both are judged by blocks of neighbouring
minutes: rates by quasi-Poisson intervals whose dispersion comes from the blocks, latencies by a bootstrap of blocks.
Intervals leave the chance `tail` outside at each end.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from logpipe_analysis.statistics.histograms import log_quantile

Floats = npt.NDArray[np.float64]

REPLICATES = 400
"""Of the bootstrap: the standard error is known to within 4 %."""

_WANTED_BLOCKS = 20
_LONGEST_BLOCK = 10


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate between its bounds."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class RateChange:
    """Of counts per unit of volume, the second stretch beside the first."""

    ratio: Interval
    added: Interval
    """The difference of the rates."""


def block_length(minutes: int) -> int:
    """Minutes to a block: long enough to hold what goes together, short enough that there are twenty of them."""
    return min(max(minutes // _WANTED_BLOCKS, 1), _LONGEST_BLOCK)


def blocks(rows: Floats) -> Floats:
    """Neighbouring rows summed; the last block may hold fewer rows."""
    starts = np.arange(0, len(rows), block_length(len(rows)))
    summed: Floats = np.add.reduceat(rows, starts, axis=0)
    return summed


def rate_change(counts: tuple[Floats, Floats], volumes: tuple[Floats, Floats], tail: float) -> RateChange | None:
    """Of the second stretch against the first; arrays hold a value a minute. None where either has no volume.

    The ratio is exact for Poisson counts (conditional on their sum, as Clopper and Pearson 1934) after both are divided
    by the dispersion; the difference combines the bounds of each rate (MOVER, Zou and Donner 2008). The dispersion is
    Pearson's over blocks, of both or of one, whichever is larger, widened for being estimated.
    """
    sums = [float(values.sum()) for values in counts]
    sizes = [float(values.sum()) for values in volumes]
    if min(sizes) <= 0:
        return None
    scatter = _dispersions(counts, volumes, tail)
    first, second = (total / phi for total, phi in zip(sums, scatter, strict=True))
    scaled = [size / phi for size, phi in zip(sizes, scatter, strict=True)]
    low = float(stats.beta.ppf(tail, second, first + 1)) if second > 0 else 0.0
    high = float(stats.beta.ppf(1 - tail, second + 1, first)) if first > 0 else 1.0
    odds = scaled[0] / scaled[1]
    rates = [total / size for total, size in zip(sums, sizes, strict=True)]
    ratio = rates[1] / rates[0] if rates[0] > 0 else math.inf if rates[1] > 0 else math.nan
    bounds = [_rate_bounds(total, size, tail) for total, size in zip((first, second), scaled, strict=True)]
    added = rates[1] - rates[0]
    return RateChange(
        Interval(ratio, low / (1 - low) * odds, high / (1 - high) * odds if high < 1 else math.inf),
        Interval(
            added,
            added - math.hypot(rates[1] - bounds[1][0], bounds[0][1] - rates[0]),
            added + math.hypot(bounds[1][1] - rates[1], rates[0] - bounds[0][0]),
        ),
    )


def _dispersions(counts: tuple[Floats, Floats], volumes: tuple[Floats, Floats], tail: float) -> list[float]:
    squares, freedoms = [], []
    for observed, volume in zip(map(blocks, counts), map(blocks, volumes), strict=True):
        expected = volume * observed.sum() / max(volume.sum(), 1e-12)
        known = expected > 0
        squares.append(float((((observed - expected) ** 2)[known] / expected[known]).sum()))
        freedoms.append(max(len(observed) - 1, 0))
    freedom = max(sum(freedoms), 1)
    pooled = sum(squares) / freedom
    widened = float(stats.t.isf(tail, freedom) / stats.norm.isf(tail)) ** 2
    return [max(1.0, pooled, square / max(own, 1)) * widened for square, own in zip(squares, freedoms, strict=True)]


def _rate_bounds(total: float, size: float, tail: float) -> tuple[float, float]:
    low = float(stats.gamma.ppf(tail, total)) if total > 0 else 0.0
    return low / size, float(stats.gamma.ppf(1 - tail, total + 1)) / size


class Resamples:
    """Blocks of one stretch drawn again and again; the same draws for every operation, since they share their minutes.

    Raises:
        ValueError: there are fewer than two blocks.
    """

    def __init__(self, minutes: int, seed: int) -> None:
        self.blocks = -(-minutes // block_length(minutes))
        if self.blocks < 2:
            raise ValueError(f"{minutes} minutes make no two blocks")
        even = np.full(self.blocks, 1.0 / self.blocks)
        drawn = np.random.default_rng(seed).multinomial(self.blocks, even, REPLICATES)
        self._weights = np.vstack((np.ones(self.blocks), drawn)).astype(np.float64)

    def histograms(self, histogram: Floats) -> Floats:
        """The histogram of all minutes in row 0, then one of each draw. `histogram` holds a row a minute."""
        drawn: Floats = self._weights @ blocks(histogram)
        return drawn


def latency_change(
    first: Floats, second: Floats, lowest: int, share: float, counted: tuple[int, int], tail: float
) -> tuple[Interval, float, float]:
    """The ratio of a quantile, and the quantile itself in ms in the first and in the second stretch.

    `first` and `second` are what `Resamples.histograms` gives, `counted` the blocks of each. The bounds are those of
    Welch's t on the logarithm, with the standard errors of the bootstrap (Künsch 1989, for blocks).
    """
    logs = [log_quantile(rows, lowest, share) for rows in (first, second)]
    errors = [
        float(np.nanstd(values[1:])) * math.sqrt(count / (count - 1))
        for values, count in zip(logs, counted, strict=True)
    ]
    variance = sum(error**2 for error in errors)
    fourth = sum(error**4 / (count - 1) for error, count in zip(errors, counted, strict=True))
    freedom = variance**2 / fourth if fourth > 0 else min(counted) - 1
    reach = float(stats.t.isf(tail, freedom)) * math.sqrt(variance)
    change = float(logs[1][0] - logs[0][0])
    interval = Interval(math.exp(change), math.exp(change - reach), math.exp(change + reach))
    return interval, math.exp(logs[0][0]), math.exp(logs[1][0])

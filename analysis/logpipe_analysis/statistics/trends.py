"""Whether a series climbs, and how fast: Theil and Sen's slope, Mann and Kendall's test.

The test takes values as independent, and autocorrelated ones look like trends: its variance is widened by the
correlations of the ranks (Hamed and Rao 1998), those of an AR(1) around the slope (Yue and Wang 2004) or those that the
caller knows, whichever widen more. The interval of the slope is Sen's (1968), by the same variance.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from logpipe_analysis.statistics.change_points import effective_share

Floats = npt.NDArray[np.float64]

_MOST_VALUES = 240
_Z_95 = 1.96


@dataclass(frozen=True, slots=True)
class Trend:
    """The slope a value with its 95 % interval, and the chance of such an order where there is no slope."""

    slope: float
    low: float
    high: float
    p_value: float

    def per(self, values: float) -> "Trend":
        """The same with the slope told for a unit of which there are so many to a value."""
        return Trend(self.slope / values, self.low / values, self.high / values, self.p_value)


def blocks(values: Floats, size: int) -> Floats:
    """The means of blocks of `size` values; what does not fill one is left out at the beginning."""
    count = len(values) // size
    means: Floats = values[len(values) - count * size :].reshape(count, size).mean(axis=1)
    return means


def trend(values: Floats, correlations: Floats | None = None) -> Trend:
    """Judge a series; `correlations` are those known of its noise at lags from 1, one fewer than there are values."""
    if len(values) > _MOST_VALUES:
        size = -(-len(values) // _MOST_VALUES)
        return trend(blocks(values, size)).per(size)
    count = len(values)
    if count < 4:
        return Trend(0.0, 0.0, 0.0, 1.0)
    earlier, later = np.triu_indices(count, 1)
    risen = values[later] - values[earlier]
    slopes = np.sort(risen / (later - earlier))
    slope = float(np.median(slopes))
    widening = _widening(_first_order(values - slope * np.arange(count)))
    if correlations is not None:
        widening = max(widening, _widening(correlations))
    deviation = np.sqrt(count * (count - 1) * (2 * count + 5) / 18 * widening)
    score = float(np.sign(risen).sum())
    p_value = float(2 * special.ndtr(-abs(score - np.sign(score)) / deviation))
    low, high = ((len(slopes) + side * _Z_95 * deviation) / 2 for side in (-1, 1))
    at = np.clip([low, high], 0, len(slopes) - 1).astype(np.int64)
    return Trend(slope, float(slopes[at[0]]), float(slopes[at[1]]), p_value)


def _first_order(residuals: Floats) -> Floats:
    """Correlations of the AR(1) with the residuals' lag-1 autocorrelation."""
    share = effective_share(residuals)
    phi = (1 - share) / (1 + share)
    return np.asarray(phi ** np.arange(1.0, len(residuals)), dtype=np.float64)


def _widening(correlations: Floats) -> float:
    """How many times the variance of Mann and Kendall's score is that of independent values."""
    count = len(correlations) + 1
    ranks = 6 / np.pi * np.arcsin(correlations / 2)
    left = count - np.arange(1.0, count)
    pairs = left * (left - 1) * (left - 2)
    return max(1.0, 1 + 2 / (count * (count - 1) * (count - 2)) * float(pairs @ ranks))

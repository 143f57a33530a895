"""The noise of a series that wanders: white noise plus AR(1), seen without being misled by steps.

What is measured of latencies has both: the sampling of a quantile is white, the load behind it wanders. A lag-1
correlation sees only their mixture and underrates how far a mean of many values strays. So the scatter of differences
between neighbouring blocks of 1, 2, 4 ... 64 values is compared with what each mixture predicts; of those that fit as
well as chance allows the calmest is taken. Medians keep a few steps from counting as noise.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from logpipe_analysis.statistics.seasons import MAD_TO_SIGMA

Floats = npt.NDArray[np.float64]

_PHIS = np.array([0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95])
_SHARES = np.linspace(0.0, 1.0, 11)
_LENGTHS = (1, 2, 4, 8, 16, 32, 64)
_BLOCKS = 16
"""Blocks of a series, at least, from which the scatter of their differences is known."""
_LOG_VARIANCE = 7.0
"""Sampling variance of a log scatter taken by medians, times values a block: 5.4 (Gaussian) over 0.75 (overlap)."""


@dataclass(frozen=True, slots=True)
class Wander:
    """Correlation at lag k > 0 is `share * phi ** k`."""

    phi: float
    share: float

    def independent_share(self, before: int, after: int) -> float:
        """Independent values per value, where the means of two adjoining stretches of these lengths are compared."""
        white = 1 / before + 1 / after
        strayed = float(_contrast(np.array(self.phi), np.array(float(before)), np.array(float(after))))
        return white / (self.share * strayed + (1 - self.share) * white)

    def correlations(self, size: int, count: int) -> Floats:
        """Of the means of `count` blocks of `size` values, at lags from 1."""
        apart = np.arange(count - 1) * size + 1.0
        phi, white = self.phi, (1 - self.share) / size
        own = white + self.share * float(_mean_variance(np.array(phi), np.array(float(size))))
        shared = self.share * phi**apart * ((1 - phi**size) / (size * (1 - phi))) ** 2
        return np.asarray(shared / own, dtype=np.float64)


def wander(values: Floats) -> Wander:
    """That of a series; white where it is too short to tell."""
    lengths = np.array([length for length in _LENGTHS if length * _BLOCKS <= len(values)], dtype=np.float64)
    if not len(lengths):
        return Wander(0.0, 0.0)
    total = np.concatenate(([0.0], np.cumsum(values)))
    scatter = np.log([_scatter(total, int(length)) for length in lengths])
    variance = _LOG_VARIANCE * lengths / len(values)
    phis, shares = _PHIS[:, None, None], _SHARES[None, :, None]
    off = scatter - np.log(shares * _contrast(phis, lengths, lengths) + (1 - shares) * 2 / lengths)
    off -= (off / variance).sum(axis=-1, keepdims=True) / (1 / variance).sum()
    misfit = (off**2 / variance).sum(axis=-1)
    far = np.array(max(len(values) / 4, 1.0))
    strayed = shares[..., 0] * _contrast(phis[..., 0], far, far) + (1 - shares[..., 0]) * 2 / far
    calmest = int(np.argmin(np.where(misfit <= misfit.min() + 1, strayed, np.inf)))
    phi, share = np.unravel_index(calmest, misfit.shape)
    return Wander(float(_PHIS[phi]), float(_SHARES[share]))


def _scatter(total: Floats, length: int) -> float:
    """The robust variance of the differences between neighbouring blocks."""
    means = (total[length:] - total[:-length]) / length
    deviation = float(np.median(np.abs(means[length:] - means[:-length]))) * MAD_TO_SIGMA
    return max(deviation**2, 1e-18)


def _contrast(phi: Floats, before: Floats, after: Floats) -> Floats:
    """The variance of the difference between the means of two adjoining stretches of an AR(1) of variance 1."""
    together = phi * (1 - phi**before) * (1 - phi**after) / (before * after * (1 - phi) ** 2)
    return np.asarray(_mean_variance(phi, before) + _mean_variance(phi, after) - 2 * together, dtype=np.float64)


def _mean_variance(phi: Floats, count: Floats) -> Floats:
    pairs = phi / (1 - phi) - phi * (1 - phi**count) / (count * (1 - phi) ** 2)
    return np.asarray((1 + 2 * pairs) / count, dtype=np.float64)

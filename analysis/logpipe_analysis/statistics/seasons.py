"""What repeats every day in a series, and values that stand alone: taken out before levels are judged."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MAD_TO_SIGMA = 1.4826
_HARMONICS = 2
_MEDIAN_VARIANCE = np.pi / 2
"""Of a median, beside that of a mean."""


def without_outliers(values: Floats, *, window: int, limit: float) -> Floats:
    """Hampel's filter: a value further than `limit` deviations from its neighbours' median becomes that median."""
    median = rolling_median(values, window)
    deviation = np.abs(values - median)
    spread = rolling_median(deviation, window) * MAD_TO_SIGMA
    return np.where(deviation <= limit * np.maximum(spread, 1e-9), values, median)


def rolling_median(values: Floats, window: int) -> Floats:
    """The median around each value, of `window // 2` values to each side; of fewer at the ends.

    Beyond the ends stand infinities of alternating sign, which leave the median where it is; where their number is odd
    they move it by half a place, which starting with the other sign undoes.
    """
    half = window // 2
    beyond = np.where(np.arange(half) % 2, np.inf, -np.inf)
    around = [np.concatenate((sign * beyond[::-1], values, -sign * beyond)) for sign in (1, -1)]
    either = [ndimage.median_filter(one, 2 * half + 1)[half : half + len(values)] for one in around]
    return np.asarray((either[0] + either[1]) / 2, dtype=np.float64)


def season(values: Floats, level: Floats, phases: Integers) -> Floats:
    """At each value the profile of its phase (as the hour of the day, from 0), around the given level.

    Two waves a day fitted to the phases' medians, and of what these leave as much as is no chance (James and Stein's
    shrinkage): two weeks give fourteen values an hour, whose medians alone would add a tenth to the noise.
    """
    around = values - level
    known, own, counted = _medians(around, phases)
    profile = np.zeros(int(phases.max()) + 1)
    profile[known] = own
    smooth, fitted = _waves(known, own, counted, len(profile))
    noise = MAD_TO_SIGMA * float(np.median(np.abs(around - profile[phases])))
    chance = float(np.mean(_MEDIAN_VARIANCE * noise**2 / counted))
    rest = own - smooth
    spread = float(rest @ rest) / max(len(own) - fitted, 1)
    profile[known] = smooth + max(0.0, 1 - chance / max(spread, 1e-18)) * rest
    return profile[phases]


def _medians(values: Floats, phases: Integers) -> tuple[Integers, Floats, Floats]:
    """The phases that there are, the median of each, and its number of values."""
    ordered = values[np.lexsort((values, phases))]
    counted = np.bincount(phases)
    known = np.flatnonzero(counted)
    counted = counted[known]
    first = np.cumsum(counted) - counted
    medians = (ordered[first + (counted - 1) // 2] + ordered[first + counted // 2]) / 2
    return known, medians, counted.astype(np.float64)


def _waves(phases: Integers, medians: Floats, weights: Floats, around: int) -> tuple[Floats, int]:
    """A constant and waves of the day through the medians, and of how many terms."""
    turn = 2 * np.pi * phases / around
    waves = [wave(order * turn) for order in range(1, _HARMONICS + 1) for wave in (np.sin, np.cos)]
    terms = np.column_stack([np.ones(len(phases)), *waves])
    scale = np.sqrt(weights)
    best = np.linalg.lstsq(terms * scale[:, None], medians * scale, rcond=None)[0]
    return np.asarray(terms @ best, dtype=np.float64), terms.shape[1]

"""What repeats every day in a series, and values that stand alone: taken out before levels are judged."""

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MAD_TO_SIGMA = 1.4826
_HARMONICS = 2
_MEDIAN_VARIANCE = np.pi / 2
"""Of a median, beside that of a mean."""


def without_outliers(values: Floats, *, window: int, limit: float) -> Floats:
    """Hampel's filter: a value further than `limit` deviations from its neighbours' median becomes that median."""
    series = pd.Series(values)
    median = series.rolling(window, center=True, min_periods=1).median()
    deviation = (series - median).abs()
    spread = deviation.rolling(window, center=True, min_periods=1).median() * MAD_TO_SIGMA
    return np.asarray(series.where(deviation <= limit * spread.clip(lower=1e-9), median), dtype=np.float64)


def rolling_level(values: Floats, window: int) -> Floats:
    """The median around each value."""
    return np.asarray(pd.Series(values).rolling(window, center=True, min_periods=1).median(), dtype=np.float64)


def season(values: Floats, level: Floats, phases: Integers) -> Floats:
    """At each value the profile of its phase (as the hour of the day, from 0), around the given level.

    Two waves a day fitted to the phases' medians, and of what these leave as much as is no chance (James and Stein's
    shrinkage): two weeks give fourteen values an hour, whose medians alone would add a tenth to the noise.
    """
    around = values - level
    grouped = pd.Series(around).groupby(phases)
    medians = grouped.median()
    own, counted = np.asarray(medians, dtype=np.float64), np.asarray(grouped.count(), dtype=np.float64)
    smooth, fitted = _waves(medians.index.to_numpy(), own, counted, int(phases.max()) + 1)
    noise = MAD_TO_SIGMA * float(np.median(np.abs(around - medians.reindex(phases).to_numpy())))
    chance = float(np.mean(_MEDIAN_VARIANCE * noise**2 / counted))
    rest = own - smooth
    spread = float(rest @ rest) / max(len(own) - fitted, 1)
    profile = np.zeros(int(phases.max()) + 1)
    profile[medians.index.to_numpy()] = smooth + max(0.0, 1 - chance / max(spread, 1e-18)) * rest
    return profile[phases]


def _waves(phases: Integers, medians: Floats, weights: Floats, around: int) -> tuple[Floats, int]:
    """A constant and waves of the day through the medians, and of how many terms."""
    turn = 2 * np.pi * phases / around
    waves = [wave(order * turn) for order in range(1, _HARMONICS + 1) for wave in (np.sin, np.cos)]
    terms = np.column_stack([np.ones(len(phases)), *waves])
    scale = np.sqrt(weights)
    best = np.linalg.lstsq(terms * scale[:, None], medians * scale, rcond=None)[0]
    return np.asarray(terms @ best, dtype=np.float64), terms.shape[1]

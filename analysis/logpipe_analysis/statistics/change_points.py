"""Steps in a series: binary segmentation by a t statistic that allows for autocorrelation, then backward elimination.

The usual t test takes neighbouring values as independent and sees steps in any slow wander; here its statistic shrinks
by the lag-1 autocorrelation of the residuals (the variance of an AR(1) mean). Steps are found from the whole series
down, and then the least certain are taken out again until each that stays is certain beside its neighbours.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

Floats = npt.NDArray[np.float64]

_MAD_TO_SIGMA = 1.4826


def without_outliers(values: Floats, *, window: int, limit: float) -> Floats:
    """Hampel's filter: a value further than `limit` deviations from its neighbours' median becomes that median."""
    series = pd.Series(values)
    median = series.rolling(window, center=True, min_periods=1).median()
    deviation = (series - median).abs()
    spread = deviation.rolling(window, center=True, min_periods=1).median() * _MAD_TO_SIGMA
    return np.asarray(series.where(deviation <= limit * spread.clip(lower=1e-9), median), dtype=np.float64)


def without_season(values: Floats, phases: npt.NDArray[np.int64], *, level_window: int) -> Floats:
    """Less the median profile over `phases` (as the hour of the day), taken around a rolling median of the level."""
    series = pd.Series(values)
    level = series.rolling(level_window, center=True, min_periods=1).median()
    profile = (series - level).groupby(phases).median()
    return np.asarray(series - profile.reindex(phases).to_numpy(), dtype=np.float64)


def change_points(values: Floats, *, alpha: float, min_effect: float, min_length: int) -> list[int]:
    """The indices at which the level steps; each is the first index of its new level.

    `alpha` bounds the chance of seeing a step in a series without one; `min_effect` is the least step in standard
    deviations of what is left when the levels are taken away; a level lasts at least `min_length` values.
    """
    found = sorted(_segment(values, 0, len(values), alpha, min_length))
    return _eliminate(values, found, alpha, min_effect)


def _segment(values: Floats, start: int, end: int, alpha: float, min_length: int) -> Iterator[int]:
    pending = [(start, end)]
    while pending:
        first, last = pending.pop()
        if last - first < 2 * min_length:
            continue
        split, p_value = _best_split(values[first:last], min_length)
        if p_value <= alpha:
            yield first + split
            pending += [(first, first + split), (first + split, last)]


def _best_split(values: Floats, min_length: int) -> tuple[int, float]:
    """The split with the largest t, and its p value after looking at all of them."""
    count = len(values)
    total = np.cumsum(values)
    splits = np.arange(min_length, count - min_length + 1)
    left = total[splits - 1] / splits
    right = (total[-1] - total[splits - 1]) / (count - splits)
    between = (right - left) ** 2 * splits * (count - splits) / count
    best = int(np.argmax(between))
    split = int(splits[best])
    residuals = np.concatenate((values[:split] - left[best], values[split:] - right[best]))
    return split, _p_value(right[best] - left[best], residuals, split, count - split, looks=len(splits))


def _p_value(step: float, residuals: Floats, before: int, after: int, *, looks: int) -> float:
    spread = float(np.sqrt(np.sum(residuals**2) / max(before + after - 2, 1)))
    if spread <= 1e-12:
        return 0.0 if abs(step) > 1e-12 else 1.0
    shrink = effective_share(residuals)
    t = abs(step) / (spread * np.sqrt(1 / before + 1 / after)) * np.sqrt(shrink)
    freedom = max((before + after) * shrink - 2, 1.0)
    return min(1.0, float(2 * stats.t.sf(t, freedom)) * max(looks * shrink, 1.0))


def step_p_value(before: Floats, after: Floats) -> float:
    """The chance of means so far apart where there is no step, allowing for autocorrelation."""
    residuals = np.concatenate((before - before.mean(), after - after.mean()))
    step = float(after.mean() - before.mean())
    return _p_value(step, residuals, len(before), len(after), looks=len(residuals))


def effective_share(residuals: Floats) -> float:
    """Independent values per value of an AR(1) series with the residuals' lag-1 autocorrelation."""
    if len(residuals) < 4:
        return 1.0
    centred = residuals - residuals.mean()
    energy = float(np.dot(centred, centred))
    if energy <= 1e-18:
        return 1.0
    # The estimate is biased towards zero, by about (1 + 4 phi) / n (Kendall 1954).
    phi = float(np.dot(centred[1:], centred[:-1])) / energy
    phi = min(max(phi + (1 + 4 * phi) / len(residuals), 0.0), 0.98)
    return (1 - phi) / (1 + phi)


def _eliminate(values: Floats, found: list[int], alpha: float, min_effect: float) -> list[int]:
    """Take out the least certain step until each is certain, and large enough, beside its neighbours."""
    while found:
        edges = [0, *found, len(values)]
        residuals = values - levels(values, found)
        spread = float(np.std(residuals))
        scores = []
        for position, split in enumerate(found, start=1):
            before, after = values[edges[position - 1] : split], values[split : edges[position + 1]]
            step = float(after.mean() - before.mean())
            too_small = abs(step) < min_effect * spread
            scores.append((too_small, step_p_value(before, after), -abs(step)))
        worst = max(range(len(found)), key=scores.__getitem__)
        if not scores[worst][0] and scores[worst][1] <= alpha:
            break
        found = found[:worst] + found[worst + 1 :]
    return found


def levels(values: Floats, found: list[int]) -> Floats:
    """The mean of each stretch between the given steps, at each of its values."""
    fitted = np.empty_like(values)
    for start, end in zip([0, *found], [*found, len(values)], strict=True):
        fitted[start:end] = values[start:end].mean()
    return fitted

"""The rate at which counts come, given their volume, as it was known before each bucket.

The rate of the last days is right for a rate that stays, and too slow for one that wanders. So there are several
rates, each with its own memory, and each bucket takes their mean, weighted by how well each has foretold the counts of
the past (dynamic model averaging, Raftery et al. 2010, with the score of Dawid and Sebastiani 1999). Past counts enter
capped at their own upper quantile, so that an incident does not raise the bar for the next one.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import signal, special

Floats = npt.NDArray[np.float64]

HALF_LIVES = (12, 48, 192)
"""Buckets after which the shorter memories have forgotten half."""
LAG = 8
"""Buckets before a bucket that the shorter memories do not hold yet: an incident that grows is not its own measure."""
LEAST_COUNT = 50
"""Counts without which nothing is known of how a rate wanders."""
PSEUDO_COUNT = 0.5
"""Jeffreys' prior of a rate: a history without one error does not make the first one impossible."""

_CAP_ROUNDS = 3
_SHRINKAGE = 4.0
"""Counts' worth of the rate of the last days in each shorter memory."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is expected in each bucket, from the buckets before it."""

    expected: Floats
    lasting: Floats
    """The same by the rate of all of the history alone."""
    capped: Floats
    """The counts without what was beyond their own upper quantile."""


def trailing_sum(values: Floats, length: int) -> Floats:
    """The sum of the `length` values before each position, itself excluded."""
    total = np.zeros(len(values) + 1)
    np.cumsum(values, out=total[1:])
    summed = total[:-1].copy()
    summed[length:] -= total[: max(len(values) - length, 0)]
    return summed


def baseline(counts: Floats, volumes: Floats, *, history: int, cap_quantile: float) -> Baseline:
    """Expect each count by the `history` buckets before it. Cost: O(buckets)."""
    lasting, capped = _lasting_rate(counts, volumes, history, cap_quantile)
    rate = lasting
    if capped.sum() >= LEAST_COUNT:
        rate = _averaged(lasting, capped, volumes, history)
        for _ in range(_CAP_ROUNDS - 1):
            cap = quantile(rate * volumes, dispersion(capped, rate * volumes, history, 1), cap_quantile)
            capped = np.minimum(counts, np.maximum(cap, 1.0))
    return Baseline(rate * volumes, lasting * volumes, capped)


def dispersion(observed: Floats, mean: Floats, history: int, length: int) -> Floats:
    """Alpha of Var = mean + alpha * mean^2, by moments of the past windows of `length` buckets."""
    squares = trailing_sum(mean**2, history)
    surplus = trailing_sum((observed - mean) ** 2 - mean, history)
    if length > 1:  # the windows just before overlap the one judged
        squares, surplus = (_delayed(part, length) for part in (squares, surplus))
    return np.clip(np.where(squares > 0, surplus / np.maximum(squares, 1e-12), 0.0), 0.0, 100.0)


def quantile(mean: Floats, alpha: Floats | float, share: float) -> Floats:
    """Of a negative binomial, near enough: that of the gamma with its moments (Wilson and Hilferty 1931)."""
    mean = np.maximum(mean, 1e-9)
    shape = mean / (1.0 + alpha * mean)
    root = np.maximum(1.0 - 1.0 / (9.0 * shape) + float(special.ndtri(share)) / (3.0 * np.sqrt(shape)), 0.0)
    return np.asarray(mean * root * root * root, dtype=np.float64)


def _lasting_rate(counts: Floats, volumes: Floats, history: int, cap_quantile: float) -> tuple[Floats, Floats]:
    """The rate over all of the history, and the counts that made it, each capped at its own upper quantile."""
    volume_before = trailing_sum(volumes, history)
    capped = counts
    rate = np.zeros_like(counts)
    for _ in range(_CAP_ROUNDS):
        rate = (trailing_sum(capped, history) + PSEUDO_COUNT) / np.maximum(volume_before, 1.0)
        mean = rate * volumes
        cap = np.where(volume_before > 0, quantile(mean, dispersion(capped, mean, history, 1), cap_quantile), counts)
        before, capped = capped, np.minimum(counts, np.maximum(cap, 1.0))
        if np.array_equal(before, capped):  # as the next rounds would find it
            break
    return rate, capped


def _averaged(lasting: Floats, capped: Floats, volumes: Floats, history: int) -> Floats:
    rates = np.vstack([lasting, *(_recent_rate(lasting, capped, volumes, half_life) for half_life in HALF_LIVES)])
    scores = np.vstack([_score(capped, rate * volumes, history) for rate in rates])
    weights = np.exp(scores - scores.max(axis=0))
    averaged: Floats = (weights * rates).sum(axis=0) / weights.sum(axis=0)
    return averaged


def _recent_rate(lasting: Floats, capped: Floats, volumes: Floats, half_life: int) -> Floats:
    counted, volume = (_delayed(_remembered(part, half_life), LAG) for part in (capped, volumes))
    return (counted + _SHRINKAGE) / (volume + _SHRINKAGE / np.maximum(lasting, 1e-12))


def _score(capped: Floats, mean: Floats, history: int) -> Floats:
    """How well the mean has foretold the counts before each bucket, as a logarithm of a likelihood."""
    variance = mean + dispersion(capped, mean, history, 1) * mean**2 + 1e-3
    return _delayed(_remembered(-((capped - mean) ** 2) / (2 * variance) - np.log(variance) / 2, history), 1)


def _remembered(values: Floats, half_life: int) -> Floats:
    """The sum of all values so far, each weighing half as much `half_life` later."""
    return np.asarray(signal.lfilter([1.0], [1.0, -(0.5 ** (1 / half_life))], values), dtype=np.float64)


def _delayed(values: Floats, buckets: int) -> Floats:
    return np.concatenate((np.zeros(buckets), values))[: len(values)]

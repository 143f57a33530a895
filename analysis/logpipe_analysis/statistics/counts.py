"""Counts that are too high for their volume: a negative binomial tail against a robust trailing baseline.

The baseline of a bucket is the rate of the buckets before it, times its own volume. Past buckets enter the baseline
capped at their own upper quantile, so that an incident does not raise the bar for the next one. The dispersion comes
from the moments of the past windows themselves, so a rate that wanders widens the expectation
(Farrington et al. 1996; Noufaily et al. 2013). Cost: O(buckets) a series.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_CAP_ROUNDS = 3
_PSEUDO_COUNT = 0.5
"""Jeffreys' prior of a rate: a history without one error does not make the first one impossible."""


@dataclass(frozen=True, slots=True)
class Excess:
    """A series judged, one row a window length; arrays are windows × buckets, a window ends at its bucket."""

    p_values: Floats
    """Of counting so much or more under the baseline; NaN where there is too little history."""
    own: Floats
    """The p values of single buckets, also where there is little history (one dimension)."""
    expected: Floats
    """By the baseline, of the single bucket (one dimension)."""


@dataclass(frozen=True, slots=True)
class Episode:
    """A stretch of buckets, `end` exclusive."""

    start: int
    end: int


def trailing_sum(values: Floats, length: int) -> Floats:
    """The sum of the `length` values before each position, itself excluded."""
    total = np.concatenate(([0.0], np.cumsum(values)))
    ends = np.arange(len(values))
    return total[ends] - total[np.maximum(ends - length, 0)]


def window_sum(values: Floats, length: int) -> Floats:
    """The sum of the last `length` values up to and including each position."""
    total = np.concatenate(([0.0], np.cumsum(values)))
    ends = np.arange(1, len(values) + 1)
    return total[ends] - total[np.maximum(ends - length, 0)]


def excess(
    counts: Floats,
    volumes: Floats,
    *,
    history: int,
    min_history: int,
    windows: Sequence[int],
    cap_quantile: float,
) -> Excess:
    """Judge each bucket's count, given its volume, by the `history` buckets before it. `windows` begins with 1.

    Buckets with fewer than `min_history` buckets before them are not judged.
    """
    counts, volumes = counts.astype(np.float64), volumes.astype(np.float64)
    rate, capped = _robust_rate(counts, volumes, history, cap_quantile)
    expected = rate * volumes
    evidence = trailing_sum(capped, history) + _PSEUDO_COUNT
    rows = []
    for length in windows:
        observed, mean = window_sum(counts, length), window_sum(expected, length)
        dispersion = _dispersion(window_sum(capped, length), mean, history, length) + 1.0 / evidence
        rows.append(_upper_tail(observed, mean, dispersion))
    p_values = np.vstack(rows)
    own = p_values[0].copy()
    p_values[:, :min_history] = np.nan
    return Excess(p_values, own, expected)


def _robust_rate(counts: Floats, volumes: Floats, history: int, cap_quantile: float) -> tuple[Floats, Floats]:
    """The trailing rate of each bucket, and the counts that made it: each capped at its own upper quantile."""
    volume_before = trailing_sum(volumes, history)
    capped = counts
    rate = np.zeros_like(counts)
    for _ in range(_CAP_ROUNDS):
        rate = (trailing_sum(capped, history) + _PSEUDO_COUNT) / np.maximum(volume_before, 1.0)
        mean = rate * volumes
        dispersion = _dispersion(capped, mean, history, 1)
        size = 1.0 / np.maximum(dispersion, 1e-6)
        with np.errstate(invalid="ignore"):
            cap = stats.nbinom.ppf(cap_quantile, size, size / (size + np.maximum(mean, 1e-12)))
        cap = np.where(volume_before > 0, np.nan_to_num(cap, nan=0.0), counts)
        capped = np.minimum(counts, np.maximum(cap, 1.0))
    return rate, capped


def _dispersion(observed: Floats, mean: Floats, history: int, length: int) -> Floats:
    """Alpha of Var = mean + alpha * mean^2, by moments of the past windows of `length` buckets."""
    squares = trailing_sum(mean**2, history)
    surplus = trailing_sum((observed - mean) ** 2 - mean, history)
    if length > 1:  # the windows just before overlap the one judged
        squares, surplus = (np.concatenate((np.zeros(length), part))[: len(part)] for part in (squares, surplus))
    return np.clip(np.where(squares > 0, surplus / np.maximum(squares, 1e-12), 0.0), 0.0, 100.0)


def _upper_tail(observed: Floats, mean: Floats, dispersion: Floats) -> Floats:
    """P(count >= observed) of a negative binomial with that mean and dispersion."""
    size = 1.0 / np.maximum(dispersion, 1e-6)
    mean = np.maximum(mean, 1e-12)
    tail = np.asarray(stats.nbinom.sf(observed - 1, size, size / (size + mean)), dtype=np.float64)
    return np.where(observed <= 0, 1.0, tail)


def benjamini_hochberg(p_values: Floats, share: float) -> float:
    """The largest p value that may be called a discovery when `share` of the discoveries may be false; 0 if none.

    Benjamini and Hochberg 1995. NaN values were no tests.
    """
    ordered = np.sort(p_values[np.isfinite(p_values)])
    if not len(ordered):
        return 0.0
    passing = ordered <= share * np.arange(1, len(ordered) + 1) / len(ordered)
    return float(ordered[passing][-1]) if passing.any() else 0.0


def episodes(flags: Bools, max_gap: int) -> Iterator[Episode]:
    """The stretches of raised flags; those with at most `max_gap` others between them are one."""
    raised = np.flatnonzero(flags)
    if not len(raised):
        return
    breaks = np.flatnonzero(np.diff(raised) > max_gap + 1)
    starts = np.concatenate(([0], breaks + 1))
    ends = np.concatenate((breaks, [len(raised) - 1]))
    for first, last in zip(starts, ends, strict=True):
        yield Episode(int(raised[first]), int(raised[last]) + 1)


def surging(
    judged: Excess,
    counts: Floats,
    *,
    windows: Sequence[int],
    p_value: float,
    own_p_value: float,
    min_count: float,
    min_ratio: float,
) -> Bools:
    """The buckets that make up windows improbable at `p_value`, with enough counts and far enough above expected.

    Of such a window only the buckets count that are out of line themselves (`own_p_value`), or else its largest: so
    the first of them is the onset, not the window's beginning. `windows` begins with 1.
    """
    hot = np.zeros(len(counts), dtype=bool)
    own = judged.own <= own_p_value
    for row, length in enumerate(windows):
        observed, mean = window_sum(counts, length), window_sum(judged.expected, length)
        p_values = np.nan_to_num(judged.p_values[row], nan=1.0)
        flagged = (p_values <= p_value) & (observed >= min_count) & (observed >= min_ratio * mean)
        for end in np.flatnonzero(flagged) + 1:
            start = max(int(end) - length, 0)
            inside = own[start:end]
            if inside.any():
                hot[start:end] |= inside
            else:
                hot[start + int(np.argmax(counts[start:end]))] = True
    return hot

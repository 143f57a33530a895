"""Counts that are too high for their volume: a negative binomial tail against a robust trailing baseline.

What is expected of a bucket is its volume times a rate known before it (`baselines`). The dispersion comes from the
moments of the past windows themselves, so a rate that wanders widens the expectation (Farrington et al. 1996; Noufaily
et al. 2013). Cost: O(buckets) a series.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from logpipe_analysis.statistics.baselines import PSEUDO_COUNT, baseline, dispersion, trailing_sum

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_SCREEN = 1.0
"""Standard deviations above the mean, below which a count is called probable without a look at the distribution."""
_SHORT = 8
"""Values that are added up one by one in less time than a running sum of all takes."""


@dataclass(frozen=True, slots=True)
class Excess:
    """A series judged, one row a window length; arrays are windows × buckets, a window ends at its bucket."""

    p_values: Floats
    """Of counting so much or more under the baseline; NaN where there is too little history."""
    own: Floats
    """The p values of single buckets, also where there is little history (one dimension)."""
    expected: Floats
    """By the baseline, of the single bucket (one dimension)."""
    lasting: Floats
    """The same by the rate of all of the history, whatever the last hours were like."""
    alpha: Floats
    """Of the single bucket: its variance is expected + alpha * expected^2."""


def window_sum(values: Floats, length: int) -> Floats:
    """The sum of the last `length` values up to and including each position."""
    if length <= _SHORT:
        summed = values.astype(np.float64)
        for before in range(1, length):
            summed[before:] += values[:-before]
        return summed
    total = np.cumsum(values, dtype=np.float64)
    summed = total.copy()
    summed[length:] -= total[:-length]
    return summed


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
    known = baseline(counts, volumes, history=history, cap_quantile=cap_quantile)
    evidence = trailing_sum(known.capped, history) + PSEUDO_COUNT
    rows, alphas = [], []
    for length in windows:
        observed, mean = window_sum(counts, length), window_sum(known.expected, length)
        alphas.append(dispersion(window_sum(known.capped, length), mean, history, length) + 1.0 / evidence)
        rows.append(_upper_tail(observed, mean, alphas[-1]))
    p_values = np.vstack(rows)
    own = p_values[0].copy()
    p_values[:, :min_history] = np.nan
    return Excess(p_values, own, known.expected, known.lasting, alphas[0])


def _upper_tail(observed: Floats, mean: Floats, alpha: Floats) -> Floats:
    """P(count >= observed) of a negative binomial with that mean and dispersion; 1 where it is not small.

    What is as large as observed counts half (mid-p, Lancaster 1961), else small counts would seem too probable.
    """
    mean = np.maximum(mean, 1e-12)
    tail = np.ones_like(mean)
    high = np.flatnonzero(observed > mean + _SCREEN * np.sqrt(mean + alpha * mean**2))
    size, mean = 1.0 / np.maximum(alpha[high], 1e-6), mean[high]
    share = size / (size + mean)
    tail[high] = (stats.nbinom.sf(observed[high] - 1, size, share) + stats.nbinom.sf(observed[high], size, share)) / 2
    return tail


def relevant(judged: Excess, counts: Floats, *, windows: Sequence[int], min_count: float, min_ratio: float) -> Bools:
    """Windows × buckets: those with enough counts, far enough above what is expected."""
    rows = []
    for length in windows:
        observed, mean = window_sum(counts, length), window_sum(judged.expected, length)
        rows.append((observed >= min_count) & (observed >= min_ratio * mean))
    return np.vstack(rows)


def members(flagged: Bools, own: Bools, counts: Floats, *, windows: Sequence[int]) -> Bools:
    """The buckets that make up the flagged windows (windows × buckets).

    Of such a window only the buckets count that are out of line themselves (`own`), or else its largest: so
    the first of them is the onset, not the window's beginning.
    """
    hot = np.zeros(len(counts), dtype=bool)
    for row, length in zip(flagged, windows, strict=True):
        for end in np.flatnonzero(row) + 1:
            start = max(int(end) - length, 0)
            inside = own[start:end]
            if inside.any():
                hot[start:end] |= inside
            else:
                hot[start + int(np.argmax(counts[start:end]))] = True
    return hot


def onset(judged: Excess, counts: Floats, since: int, until: int) -> int:
    """The bucket from `since` on at which counts that are raised at `until`, which is exclusive, set in.

    A change point by maximum likelihood: from there to `until` one multiple of what is expected, the likeliest,
    explains the counts best beside the expectation itself (Kulldorff 1997). An error followed by empty buckets stays
    outside.
    """
    inside = slice(since, until)
    observed, mean = counts[inside], np.maximum(judged.expected[inside], 1e-12)
    size = 1.0 / np.maximum(judged.alpha[inside], 1e-6)
    from_here = (np.cumsum(part[::-1])[::-1] for part in (observed, mean))
    times = np.maximum(np.divide(*from_here), 1.0)[:, None]  # a row for each bucket to begin at
    gained = observed * np.log(times) - (observed + size) * np.log((size + times * mean) / (size + mean))
    return since + int(np.argmax(np.triu(gained).sum(axis=1)))


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
    """The buckets that make up windows improbable at `p_value`, with enough counts and far enough above expected."""
    flagged = np.nan_to_num(judged.p_values, nan=1.0) <= p_value
    flagged &= relevant(judged, counts, windows=windows, min_count=min_count, min_ratio=min_ratio)
    return members(flagged, judged.own <= own_p_value, counts, windows=windows)

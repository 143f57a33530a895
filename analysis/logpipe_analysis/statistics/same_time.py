"""Counts beside those of the same time of day on the days before: how far do they leave what has been usual?

Usual is a range, not a number: from the lowest to the highest that the same time of day had on any of the last seven
days (so a weekend is as usual as a working day once one was seen), or that the last two hours had. A count is judged by
the z beyond that range of its square root, which scatters by a half whatever the rate (Bartlett 1936); a series that
goes beyond its own ranges day by day is given as much more room, by the median of the furthest of each day. All is
causal. Cost: O(values × days).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

_DAYS = 7
_BLUR = 48
"""Of a day: so far apart two times are the same time of day (half an hour)."""
_RECENT = 12
"""Of a day: the last hours that a level is taken from (two hours)."""
_QUIET = 3
"""Bins as usual in a row, after which a change is over."""
_Z_OF_FURTHEST = 2.0
"""So many standard deviations is the furthest bin of a day beyond what is usual, or less."""


@dataclass(frozen=True, slots=True)
class Usual:
    """The levels that are usual, one value a bin; NaN in the first day."""

    low: Floats
    high: Floats
    same_low: Floats
    """Of the same time of day alone, without the last hours."""
    same_high: Floats


def usual(counts: Floats, day: int) -> Usual:
    """What was to be expected of each bin, by those before it, `day` bins a day."""
    blur = max(day // _BLUR, 1)
    level = pd.Series(counts).rolling(2 * blur + 1, min_periods=blur + 1).median()
    same = _days_before(level, day, blur)
    low, high = np.fmin.reduce(same), np.fmax.reduce(same)
    hours = day // _RECENT
    recent = level.shift(blur).rolling(hours, min_periods=hours).median().to_numpy(np.float64)
    return Usual(np.minimum(low, recent), np.maximum(high, recent), low, high)


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums of so many bins up to each that were usual at the same times."""

    low: Floats
    """The least such sum that was usual."""
    high: Floats
    z: Floats
    """Of what came: standard deviations above the highest, or below the lowest (then negative); 0 within."""


def sums(counts: Floats, length: int, day: int) -> Sums:
    """Each sum of the last `length` bins, beside all such sums of these times."""
    blur, hours = max(day // _BLUR, 1), day // _RECENT
    every = pd.Series(counts).rolling(length).sum()
    earlier = every.shift(length)
    around = every.rolling(2 * blur + 1, min_periods=1)
    high = np.fmax.reduce([earlier.rolling(hours).max().to_numpy(np.float64), *_days_before(around.max(), day, blur)])
    low = np.fmin.reduce([earlier.rolling(hours).min().to_numpy(np.float64), *_days_before(around.min(), day, blur)])
    observed = every.to_numpy(np.float64)
    above = np.nan_to_num(2 * np.sqrt(observed) - 2 * np.sqrt(high)).clip(min=0.0)
    below = np.nan_to_num(2 * np.sqrt(low) - 2 * np.sqrt(observed)).clip(min=0.0)
    room = np.maximum(_furthest_of_a_day(above + below, length, day) / _Z_OF_FURTHEST, 1.0)
    return Sums(low, high, (above - below) / room)


def _days_before(series: "pd.Series[float]", day: int, blur: int) -> list[Floats]:
    """The values of the same time of each day before; each stands at the end of the `2 * blur` that it is made of."""
    return [series.shift(days * day - blur).to_numpy(np.float64) for days in range(1, _DAYS + 1)]


def _furthest_of_a_day(beyond: Floats, length: int, day: int) -> Floats:
    """How far a day goes beyond at its furthest: the median of the days before."""
    furthest = pd.Series(beyond).rolling(day, min_periods=1).max().shift(length)
    days = np.sort([furthest.shift(before * day).to_numpy(np.float64) for before in range(_DAYS)], axis=0)
    known = _DAYS - np.isnan(days).sum(axis=0)  # sorted, what is not known is last
    bins = np.arange(len(beyond))
    middle: Floats = (days[np.maximum(known - 1, 0) // 2, bins] + days[known // 2, bins]) / 2
    return np.nan_to_num(middle)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bins that are beyond what is usual, one after the other; `end` exclusive."""

    start: int
    end: int
    over: bool
    """Whether it is over: enough bins after it are as usual."""
    expected: float
    """The mean of the nearest that would have been usual."""


def stretches(counts: Floats, expected: Usual, z: Floats, *, reach: int, min_ratio: float) -> Iterator[Stretch]:
    """The stretches in which `z` is not 0 somewhere. One begins at most `reach` bins before that.

    A bin belongs to it while it is beyond the (geometric) middle between usual and `min_ratio` times usual. What is
    usual is then taken from the days before alone, since the last hours are those of the stretch itself: so a change
    ends when it is undone, or a day later, when it has become usual.
    """
    after = 0
    for raised in np.flatnonzero(z):
        if raised < after:
            continue
        level = _level(expected, int(raised), upwards=bool(z[raised] > 0))
        ratio = min_ratio if z[raised] > 0 else 1 / min_ratio
        beyond = (counts > level * np.sqrt(ratio)) == (ratio > 1)
        first = max(int(raised) - reach + 1, after)
        start = first + turn(counts[first : raised + 1], level[first : raised + 1], ratio)
        usual_again = np.convolve(~beyond[raised:], np.ones(_QUIET), "valid") == _QUIET
        over = bool(usual_again.any())
        after = int(raised) + (int(np.argmax(usual_again)) if over else len(counts) - int(raised))
        after = max(after, int(raised) + 1)
        yield Stretch(start, after, over, float(level[start:after].mean()))


def turn(counts: Floats, before: Floats | float, ratio: float) -> int:
    """The position from which on the counts are likelier of `ratio` times the mean before (Poisson)."""
    gain = counts * np.log(ratio) - before * (ratio - 1)
    return int(np.argmax(np.cumsum(gain[::-1])[::-1]))


def _level(expected: Usual, onset: int, *, upwards: bool) -> Floats:
    """What stays usual once it is left at `onset`: the same times of the days before, at the level of the onset."""
    edge, same = (expected.high, expected.same_high) if upwards else (expected.low, expected.same_low)
    return np.nan_to_num(same, nan=edge[onset]) * (edge[onset] / same[onset] if edge[onset] > 0 < same[onset] else 1.0)

"""Steps in a series: seeded binary segmentation by a t statistic that allows for autocorrelation, then elimination.

The usual t test takes neighbouring values as independent and sees steps in any slow wander; here its statistic shrinks
by how much further the means of a wandering series stray. Steps are found in intervals of every length, and then the
least certain are taken out again until each that stays is certain beside its neighbours.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import special

from logpipe_analysis.statistics.seasons import MAD_TO_SIGMA
from logpipe_analysis.statistics.wander import wander

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_CANDIDATE = 1e-2
"""The chance of a split that is worth judging beside the others."""
_WORTH_A_LOOK = 4.5
"""Standard errors by which the sides of a split differ at least."""


def change_points(values: Floats, *, alpha: float, min_effect: float, min_length: int) -> list[int]:
    """The indices at which the level steps; each is the first index of its new level.

    `alpha` bounds the chance of seeing a step in a series without one; `min_effect` is the least step in standard
    deviations of what is left when the levels are taken away; a level lasts at least `min_length` values.
    """
    found: list[int] = []
    for split, _ in sorted(_candidates(values, min_length), key=lambda candidate: candidate[1]):
        if all(abs(split - other) >= min_length for other in found):
            found.append(split)
    return _eliminate(values, sorted(found), alpha, min_effect)


def _candidates(values: Floats, min_length: int) -> Iterator[tuple[int, float]]:
    """The best split of each of a set of intervals, where it may be a step, with its p value."""
    # The scatter of neighbours is the least noise there is: what does not stand out from it needs no closer look.
    noise = float(np.median(np.abs(np.diff(values)))) * MAD_TO_SIGMA / np.sqrt(2) if len(values) > 1 else 0.0
    # Less their mean, so that little is lost to rounding.
    total = np.concatenate(([0.0], np.cumsum(values - values.mean())))
    for size, starts in _seeded(len(values), 2 * min_length):
        splits, between = _splits(total, starts, size, min_length)
        for index in np.flatnonzero(between > (_WORTH_A_LOOK * noise) ** 2):
            start, split = int(starts[index]), int(splits[index])
            p_value = _split_p_value(values, total, (start, split, start + size), min_length)
            if p_value <= _CANDIDATE:
                yield split, p_value


@lru_cache(maxsize=256)
def _seeded(count: int, least: int) -> list[tuple[int, Integers]]:
    """Intervals of a series of `count` values: sizes from the whole down to `least`, and where those of a size begin.

    Seeded intervals (Kovacs et al. 2023): of every length, each by the square root of two shorter than the one
    before, half overlapping; a short rise in a long series stands out in the short ones.
    """
    intervals = []
    length = float(count)
    while length >= least:
        size = int(length)
        starts = np.unique(np.linspace(0, count - size, 2 * int(count / length) - 1).astype(np.int64))
        intervals.append((size, starts))
        length /= np.sqrt(2)
    return intervals


def _splits(total: Floats, starts: Integers, size: int, min_length: int) -> tuple[Integers, Floats]:
    """Where the sides of each interval of this size differ most, and the sum of squares that a step there explains.

    `total`: the sum of the values before each position.
    """
    splits = np.arange(min_length, size - min_length + 1)
    first, last = total[starts, None], total[starts + size, None]
    beyond = total[starts[:, None] + splits] - first - (last - first) * (splits / size)
    between = beyond**2 * (size / (splits * (size - splits)))
    best = np.argmax(between, axis=1)
    return starts + splits[best], between[np.arange(len(starts)), best]


def _split_p_value(values: Floats, total: Floats, edges: tuple[int, int, int], min_length: int) -> float:
    """The chance of the best split of a series without a step, here between two of the `edges` at the third.

    What is left is taken after splitting each side once more: a level that comes back would else count as noise.
    """
    start, split, end = edges
    again = [
        int(_splits(total, np.array([first]), last - first, min_length)[0][0]) - start
        for first, last in ((start, split), (split, end))
        if last - first >= 4 * min_length
    ]
    step = (total[end] - total[split]) / (end - split) - (total[split] - total[start]) / (split - start)
    own = values[start:end]
    left = own - levels(own, sorted([split - start, *again]))
    return _p_value(step, left, split - start, end - split, effective_share(left), looks=len(left))


def _p_value(step: float, left: Floats, before: int, after: int, shrink: float, *, looks: int) -> float:
    spread = float(np.sqrt(np.sum(left**2) / max(before + after - 2, 1)))
    if spread <= 1e-12:
        return 0.0 if abs(step) > 1e-12 else 1.0
    t = abs(step) / (spread * np.sqrt(1 / before + 1 / after)) * np.sqrt(shrink)
    freedom = max((before + after) * shrink - 2, 1.0)
    return min(1.0, 2 * float(special.stdtr(freedom, -t)) * max(looks * shrink, 1.0))


def step_p_value(before: Floats, after: Floats, shrink: float | None = None) -> float:
    """The chance of means so far apart where there is no step, allowing for autocorrelation.

    `shrink` is the series' effective share where it is known; else it is taken from the two stretches.
    """
    left = np.concatenate((before - before.mean(), after - after.mean()))
    step = float(after.mean() - before.mean())
    share = effective_share(left) if shrink is None else shrink
    return _p_value(step, left, len(before), len(after), share, looks=len(left))


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
    if not found:
        return found
    noise = wander(values)
    while found:
        edges = [0, *found, len(values)]
        residuals = values - levels(values, found)
        spread, shrink = float(np.std(residuals)), effective_share(residuals)
        scores = []
        for position, split in enumerate(found, start=1):
            before, after = values[edges[position - 1] : split], values[split : edges[position + 1]]
            step = float(after.mean() - before.mean())
            too_small = abs(step) < min_effect * spread
            share = min(shrink, noise.independent_share(len(before), len(after)))
            scores.append((too_small, step_p_value(before, after, share), -abs(step)))
        worst = max(range(len(found)), key=scores.__getitem__)
        if not scores[worst][0] and scores[worst][1] <= alpha:
            break
        found = found[:worst] + found[worst + 1 :]
    return found


def levels(values: Floats, found: list[int]) -> Floats:
    """The mean of each stretch between the given steps, at each of its values."""
    first = np.array([0, *found])
    lengths = np.diff(first, append=len(values))
    return np.repeat(np.add.reduceat(values, first) / lengths, lengths)

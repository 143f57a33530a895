"""Steps in a series: seeded binary segmentation by a t statistic that allows for autocorrelation, then elimination.

The usual t test takes neighbouring values as independent and sees steps in any slow wander; here its statistic shrinks
by how much further the means of a wandering series stray. Steps are found in intervals of every length, and then the
least certain are taken out again until each that stays is certain beside its neighbours.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import special

from logpipe_analysis.statistics.seasons import MAD_TO_SIGMA
from logpipe_analysis.statistics.wander import wander

Floats = npt.NDArray[np.float64]

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
    """The best split of each of a set of intervals, where it may be a step, with its p value.

    Seeded intervals (Kovacs et al. 2023): of every length, each by the square root of two shorter than the one
    before, half overlapping; a short rise in a long series stands out in the short ones.
    """
    # The scatter of neighbours is the least noise there is: what does not stand out from it needs no closer look.
    noise = float(np.median(np.abs(np.diff(values)))) * MAD_TO_SIGMA / np.sqrt(2) if len(values) > 1 else 0.0
    length = float(len(values))
    while length >= 2 * min_length:
        size = int(length)
        starts = np.unique(np.linspace(0, len(values) - size, 2 * int(len(values) / length) - 1).astype(np.int64))
        splits, between = _splits(np.lib.stride_tricks.sliding_window_view(values, size)[starts], min_length)
        for index in np.flatnonzero(between > (_WORTH_A_LOOK * noise) ** 2):
            start, split = int(starts[index]), int(splits[index])
            p_value = _split_p_value(values[start : start + size], split, min_length)
            if p_value <= _CANDIDATE:
                yield start + split, p_value
        length /= np.sqrt(2)


def _split_p_value(values: Floats, split: int, min_length: int) -> float:
    """The chance of the best split of a series without a step.

    What is left is taken after splitting each side once more: a level that comes back would else count as noise.
    """
    before, after = values[:split], values[split:]
    step = float(after.mean() - before.mean())
    left = np.concatenate([part - _own_levels(part, min_length) for part in (before, after)])
    return _p_value(step, left, split, len(after), effective_share(left), looks=len(values))


def _splits(rows: Floats, min_length: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """Of each row the split whose sides differ most, and the sum of squares that it explains."""
    count = rows.shape[1]
    total = np.cumsum(rows, axis=1)
    splits = np.arange(min_length, count - min_length + 1)
    before = total[:, splits - 1] / splits
    after = (total[:, -1:] - total[:, splits - 1]) / (count - splits)
    between = (after - before) ** 2 * (splits * (count - splits) / count)
    best = np.argmax(between, axis=1)
    return splits[best], between[np.arange(len(rows)), best]


def _own_levels(values: Floats, min_length: int) -> Floats:
    return levels(values, [int(_splits(values[None, :], min_length)[0][0])] if len(values) >= 4 * min_length else [])


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
    fitted = np.empty_like(values)
    for start, end in zip([0, *found], [*found, len(values)], strict=True):
        fitted[start:end] = values[start:end].mean()
    return fitted

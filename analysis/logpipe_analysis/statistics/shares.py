"""Shares and medians of two ranges compared, with regard to bursts.

Log lines come in bursts: a hundred lines of one failing job are not a hundred observations. Both ranges are cut into
slots of time, and the variance between slots beyond what single lines would have is the design effect by which counts
are divided before they are tested (Rao and Scott 1992). Since neighbouring slots are alike too, it is multiplied by
what a first-order autoregression of that correlation adds, and the largest is taken of slots put together by ones,
twos, fours … (batch means). What wanders more slowly than a tenth of a range is not seen as wandering.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special, stats

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LEAST_GROUPS = 10
"""Groups of slots from which a variance is taken at least."""

_CONFIDENCE = 0.95

_MOST_CORRELATION = 0.9
"""Of neighbouring groups: more would divide by almost nothing."""

_LEAST_INDEPENDENT = 5.0
"""Rows, by the design effect, that are independent of each other: one or two bursts show no difference."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Range A against range B, one figure a value."""

    effect: Floats
    """The logarithm of the odds ratio, or of the ratio of medians; above zero is more in A."""
    low: Floats
    high: Floats
    """The 95 % interval of the effect."""
    p_values: Floats
    """Two-sided, of a difference as large between ranges of the same process."""
    plain_p_values: Floats
    """The same as if no lines came in bursts; equal to `p_values` for medians."""
    plain_size: Floats
    """The least size of the effect, whatever its sign, as if no lines came in bursts; zero where it may be none."""


def shares(counts: Floats, rows: Floats, in_a: Bools) -> Compared:
    """Compare shares. `counts` is values × slots, `rows` all lines of each slot, `in_a` the slots of A."""
    count_a, count_b = counts[:, in_a].sum(axis=1), counts[:, ~in_a].sum(axis=1)
    rows_a, rows_b = float(rows[in_a].sum()), float(rows[~in_a].sum())
    design = _design_effect(counts, rows, in_a)
    freedom = _freedom(in_a)
    odds, error = _log_odds(count_a, count_b, rows_a, rows_b, design)
    _, plain_error = _log_odds(count_a, count_b, rows_a, rows_b, np.ones_like(count_a))
    deviates = float(stats.t.ppf((1 + _CONFIDENCE) / 2, freedom))
    margin, size = deviates * error, np.maximum(np.abs(odds) - deviates * plain_error, 0.0)
    plain = _conditional_p(count_a, count_b, np.full_like(count_a, rows_a), np.full_like(count_b, rows_b))
    burst = _conditional_p(count_a / design, count_b / design, rows_a / design, rows_b / design)
    # The design effect is itself an estimate from so many slots: the normal deviate is taken for one of Student's.
    p_values = 2 * stats.t.sf(stats.norm.isf(burst / 2), freedom)
    p_values = np.where((count_a + count_b) / design < _LEAST_INDEPENDENT, 1.0, p_values)
    return Compared(odds, odds - margin, odds + margin, np.minimum(p_values, 1.0), plain, size)


def medians(values: Floats, in_a: Bools) -> Compared:
    """Compare the level of one positive figure, given its median of each slot (none may be missing)."""
    logs = np.log(values)
    residuals = np.where(in_a, logs - logs[in_a].mean(), logs - logs[~in_a].mean())[None, :]
    variance = _variance(residuals, np.ones(len(values)), in_a, np.ones((1, 2)))
    error = np.sqrt(variance * (1 / in_a.sum() + 1 / (~in_a).sum()))
    effect = np.array([logs[in_a].mean() - logs[~in_a].mean()])
    freedom = _freedom(in_a)
    margin = stats.t.ppf((1 + _CONFIDENCE) / 2, freedom) * error
    p_values = 2 * stats.t.sf(np.abs(effect) / np.maximum(error, 1e-12), freedom)
    size = np.maximum(np.abs(effect) - margin, 0.0)
    return Compared(effect, effect - margin, effect + margin, p_values, p_values, size)


def _freedom(in_a: Bools) -> int:
    """Of Student's distribution: by the range with fewer slots, which may have given all of the variance."""
    return max(int(min(in_a.sum(), (~in_a).sum())) - 1, 1)


def _design_effect(counts: Floats, rows: Floats, in_a: Bools) -> Floats:
    """The variance between groups of slots as a multiple of that of independent lines; at least 1."""
    residuals, single = np.zeros_like(counts), np.zeros((len(counts), 2))
    for number, side in enumerate((in_a, ~in_a)):
        share = counts[:, side].sum(axis=1, keepdims=True) / max(rows[side].sum(), 1.0)
        residuals[:, side] = counts[:, side] - share * rows[side]
        single[:, number] = (share * (1 - share))[:, 0]
    return np.maximum(_variance(residuals, rows, in_a, single), 1.0)


def _variance(residuals: Floats, weights: Floats, in_a: Bools, single: Floats) -> Floats:
    """The long-run variance as a multiple of `single`, the variance of one line in A and in B; the largest found."""
    largest = np.zeros(len(residuals))
    for scale in _scales(in_a):
        squares, products, expected, groups = (np.zeros(len(residuals)) for _ in range(4))
        for number, side in enumerate((in_a, ~in_a)):
            starts = np.arange(0, int(side.sum()), scale)
            grouped = np.add.reduceat(residuals[:, side], starts, axis=1)
            weight = np.add.reduceat(weights[side], starts)
            squares += (grouped**2).sum(axis=1)
            products += (grouped[:, 1:] * grouped[:, :-1]).sum(axis=1)
            expected += single[:, number] * (weight.sum() - (weight**2).sum() / max(weight.sum(), 1.0))
            groups += len(starts)
        correlation = products / np.maximum(squares, 1e-12) * groups / np.maximum(groups - 2, 1)
        # A correlation is too low where the mean is of the same few groups (Marriott and Pope 1954).
        correlation = np.clip(correlation + (1 + 3 * correlation) / (groups / 2), 0.0, _MOST_CORRELATION)
        found = squares / np.maximum(expected, 1e-12) * (1 + correlation) / (1 - correlation)
        largest = np.maximum(largest, found)
    return largest


def _scales(in_a: Bools) -> Iterator[int]:
    """1, 2, 4 … slots together, as long as enough groups remain."""
    scale = 1
    while scale == 1 or len(in_a) / scale >= LEAST_GROUPS:
        yield scale
        scale *= 2


def _log_odds(count_a: Floats, count_b: Floats, rows_a: float, rows_b: float, design: Floats) -> tuple[Floats, Floats]:
    """The log odds ratio and its standard error, with half a line added to each cell (Haldane 1956, Anscombe 1956)."""
    cells = [count_a, rows_a - count_a, count_b, rows_b - count_b]
    odds = np.log((cells[0] + 0.5) * (cells[3] + 0.5) / ((cells[1] + 0.5) * (cells[2] + 0.5)))
    return odds, np.sqrt(sum(1 / (cell / design + 0.5) for cell in cells))


def _conditional_p(count_a: Floats, count_b: Floats, rows_a: Floats, rows_b: Floats) -> Floats:
    """Two-sided p values: given how many there are in both, how many are in A (Przyborowski and Wilenski 1940).

    The beta function carries the binomial's tail over to counts that are no whole numbers. Of a value and its absence
    the rarer is counted, since for rare ones the test is exact.
    """
    frequent = count_a + count_b > (rows_a + rows_b) / 2
    a, b = (np.where(frequent, rows - part, part) for part, rows in ((count_a, rows_a), (count_b, rows_b)))
    in_a = rows_a / (rows_a + rows_b)
    upper = np.where(a > 0, special.betainc(np.maximum(a, 1e-9), b + 1, in_a), 1.0)
    lower = np.where(b > 0, special.betainc(np.maximum(b, 1e-9), a + 1, 1 - in_a), 1.0)
    return np.asarray(np.clip(2 * np.minimum(upper, lower), 1e-300, 1.0))

"""A level that rises from an onset on, fitted as a broken line: constant, ramp, constant.

A step is the ramp of length zero, so one family of fits tells a trend from a step: by whether the ramp's residuals are
smaller than the step's by more than chance, and by how long it is.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

Floats = npt.NDArray[np.float64]

_GRID = 24


@dataclass(frozen=True, slots=True)
class Ramp:
    """Positions are in values of the series, with fractions."""

    onset: float
    top: float
    """Where it stops rising; the end of the series if it does not."""
    rise: float
    """From the level before to the top."""
    residual: float
    """Weighted sum of squares that is left."""


def fit_ramp(values: Floats, weights: Floats) -> Ramp:
    """The broken line with the least weighted squares, by a grid and a refinement of its best corner.

    Two shapes are tried, since series of log latency may rise by a constant factor or by a constant amount.
    """
    return min(
        (_best_ramp(values, weights, exponential) for exponential in (True, False)), key=lambda ramp: ramp.residual
    )


def _best_ramp(values: Floats, weights: Floats, exponential: bool) -> Ramp:
    count = len(values)
    grid = np.unique(np.linspace(0, count, _GRID + 1).round())
    earlier, later = np.triu_indices(len(grid), 1)
    starts, ends = grid[earlier], grid[later]
    best = int(np.argmin(_fitted(values, weights, starts, ends, exponential)[1]))
    onset, top = float(starts[best]), float(ends[best])
    cell = count / _GRID

    def remaining(corner: Floats) -> float:
        end = corner[:1] + np.abs(corner[1:]) + 0.5
        return float(_fitted(values, weights, corner[:1], end, exponential)[1][0])

    length = max(top - onset - 0.5, 0.5)
    simplex = [[onset, length], [onset + cell, length], [onset, max(length - cell, length / 2)]]
    refined = optimize.minimize(
        remaining,
        np.array([onset, length]),
        method="Nelder-Mead",
        options={"initial_simplex": simplex, "xatol": 0.05, "maxiter": 200},
    )
    onset = float(refined.x[0])
    top = onset + abs(float(refined.x[1])) + 0.5
    rise, left = (float(one[0]) for one in _fitted(values, weights, np.array([onset]), np.array([top]), exponential))
    return Ramp(min(max(onset, 0.0), float(count)), min(top, float(count)), rise, left)


def _fitted(values: Floats, weights: Floats, onsets: Floats, tops: Floats, exponential: bool) -> tuple[Floats, Floats]:
    """Of each ramp with such corners the rise, and the weighted squares that are left."""
    lengths = np.maximum(tops - onsets, 1e-9)
    share = np.clip((np.arange(len(values)) - onsets[:, None]) / lengths[:, None], 0.0, 1.0)
    rise, left = _line(values, weights, share)
    if exponential:
        return rise, left
    # The same ramps in amounts rather than factors: their logarithms, scaled to the same top.
    grown = np.clip(rise, 1e-9, 50.0)[:, None]
    return _line(values, weights, np.log1p(np.expm1(grown) * share) / grown)


def _line(values: Floats, weights: Floats, shares: Floats) -> tuple[Floats, Floats]:
    """The regression of the values on each row: its slope, and the weighted squares that are left."""
    total = weights.sum()
    shares = shares - (shares @ weights / total)[:, None]
    centred = values - float(weights @ values) / total
    spread = shares**2 @ weights
    rise = np.where(spread > 1e-12, shares @ (weights * centred) / np.maximum(spread, 1e-12), 0.0)
    return rise, (centred - rise[:, None] * shares) ** 2 @ weights


def step_residual(values: Floats, weights: Floats) -> float:
    """The weighted squares that the best single step leaves."""
    total, moment = np.cumsum(weights), np.cumsum(weights * values)
    whole = float(weights @ values**2)
    with np.errstate(invalid="ignore", divide="ignore"):
        explained = moment**2 / total + np.where(
            total[-1] > total, (moment[-1] - moment) ** 2 / (total[-1] - total), 0.0
        )
    return whole - float(np.nanmax(explained))


def fit_climb(values: Floats, weights: Floats) -> Ramp:
    """The line that is flat up to an onset and rises from there to the end, with the least weighted squares."""
    positions = np.arange(len(values), dtype=np.float64)
    bent = np.maximum(positions[None, :] - positions[1:-1, None], 0.0)
    total = weights.sum()
    bent -= (bent @ weights / total)[:, None]
    centred = values - float(weights @ values) / total
    moments, squares = bent @ (weights * centred), bent**2 @ weights
    explained = np.where(moments > 0, moments**2 / squares, 0.0)
    best = int(np.argmax(explained))
    onset = best + 1.0
    rise = float(moments[best] / squares[best]) * (len(values) - 1 - onset)
    return Ramp(onset, float(len(values)), rise, float(weights @ centred**2) - float(explained[best]))


def is_gradual(values: Floats, ramp: Ramp, step_left: float, *, alpha: float) -> bool:
    """Whether the ramp explains so much more than the step that its extra corner is no chance (F test)."""
    freedom = max(len(values) * 0.5 - 4, 1.0)
    if ramp.residual <= 0:
        return step_left > 0
    ratio = (step_left - ramp.residual) / (ramp.residual / freedom)
    return float(stats.f.sf(ratio, 1, freedom)) < alpha

"""The steps of a series that also has a season, outliers and a wander, each placed where it most likely is.

Season and levels are taken from each other in turn, since either blurs the other. A step is found on values without
outliers, whose filter moves edges; its place is then sought anew by the likelihood of the whitened series (generalised
least squares for AR(1), the level on either side being free), on values that are drawn in towards their level only
as far as three deviations.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from logpipe_analysis.statistics import change_points, seasons

Floats = npt.NDArray[np.float64]

_PLACE_ROUNDS = 3
_DRAWN_IN = 2.5
"""Deviations from its level beyond which a value pulls no further."""


@dataclass(frozen=True, slots=True)
class Stepped:
    """A series judged."""

    values: Floats
    """Without season and outliers."""
    season: Floats
    """What was taken out of each value for the time of day."""
    found: list[int]
    """The first index of each new level."""


def steps(
    values: Floats,
    phases: npt.NDArray[np.int64] | None,
    *,
    level_window: int,
    alpha: float,
    min_effect: float,
    min_length: int,
    hampel_window: int,
    hampel_limit: float,
) -> Stepped:
    """Find the steps. `phases` is each value's place in the day, None where too few days are known for a season.

    `level_window`: values around each that tell its level, some days, before any step is known. The others are
    `StepSettings`.
    """
    level = seasons.rolling_median(values, level_window) if phases is not None else values
    season = np.zeros(len(values))
    for once_more in (phases is not None, False):
        if phases is not None:
            season = seasons.season(values, level, phases)
        plain = values - season
        cleaned = seasons.without_outliers(plain, window=hampel_window, limit=hampel_limit)
        found = change_points.change_points(cleaned, alpha=alpha, min_effect=min_effect, min_length=min_length)
        if not found or not once_more:
            break
        level = change_points.levels(cleaned, found)
    return Stepped(cleaned, season, _placed(plain, cleaned, found, min_length))


def _placed(values: Floats, cleaned: Floats, found: list[int], min_length: int) -> list[int]:
    """Each step where the series is likeliest, its neighbours given, until none moves."""
    share = change_points.effective_share(cleaned - change_points.levels(cleaned, found))
    phi = (1 - share) / (1 + share)
    for _ in range(_PLACE_ROUNDS if found else 0):
        level = change_points.levels(cleaned, found)
        noise = seasons.MAD_TO_SIGMA * float(np.median(np.abs(values - level)))
        drawn = level + np.clip(values - level, -_DRAWN_IN * noise, _DRAWN_IN * noise)
        edges = [0, *found, len(values)]
        moved = [
            start + _likeliest(drawn[start:end], phi, min_length)
            for start, end in zip(edges[:-2], edges[2:], strict=True)
        ]
        if moved == found or any(later - one < min_length for one, later in itertools.pairwise(moved)):
            break
        found = moved
    return found


def _likeliest(values: Floats, phi: float, min_length: int) -> int:
    """The split that explains most of a stretch with AR(1) noise, its two levels being free.

    Whitened, the stretch is regressed on its level and on a step, which at its first value counts whole.
    """
    count = len(values)
    first = np.sqrt(1 - phi**2)
    whitened = np.concatenate(([first * values[0]], values[1:] - phi * values[:-1]))
    level = np.full(count, 1 - phi)
    level[0] = first
    splits = np.arange(min_length, count - min_length + 1)
    beyond = count - splits - 1.0
    total = np.cumsum(whitened)
    crossed = (1 - phi) ** 2 * beyond + (1 - phi)
    product = (1 - phi) * (total[-1] - total[splits]) + whitened[splits]
    energy = float(level @ level)
    product -= crossed * float(level @ whitened) / energy
    own = (1 - phi) ** 2 * beyond + 1 - crossed**2 / energy
    return int(splits[np.argmax(product**2 / own)])

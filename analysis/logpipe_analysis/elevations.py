"""Stretches of one figure that lie above what was normal before: between steps, or climbing until the end."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from logpipe_analysis.latency_series import Series
from logpipe_analysis.settings import LatencySettings
from logpipe_analysis.statistics import change_points
from logpipe_analysis.statistics.trends import blocks, trend
from logpipe_analysis.statistics.wander import wander

Floats = npt.NDArray[np.float64]

_DAY = timedelta(days=1)
_CLIMB_DAYS = (2, 3, 5, 8, 13, 21)
"""Lengths, up to the end of the series, in which a slow climb is sought."""
_CLIMB_BINS = 60
"""Values that a stretch is reduced to for that."""


@dataclass(frozen=True, slots=True)
class Elevation:
    """Of one metric, in rows of its series; `end` is None while it lasts."""

    metric: str
    base: int
    start: int
    end: int | None
    p_value: float
    slow: bool = False
    """Whether it was seen as a slow climb, and not by its steps."""


def stretch(elevation: Elevation, series: Series) -> tuple[int, int]:
    """From and to, in bins."""
    last = elevation.end if elevation.end is not None else len(series.rows)
    return int(series.rows[elevation.start]), int(series.rows[last - 1]) + 1


def from_steps(series: Series, settings: LatencySettings) -> Iterator[Elevation]:
    """Stretches that lie above all that was normal before, from the first step up to the first that undoes half."""
    edges = [0, *series.found, len(series.values)]
    level = [float(series.values[start:end].mean()) for start, end in itertools.pairwise(edges)]
    least = np.log(settings.min_ratio)
    normal = [level[0]] * edges[1]
    base, run = 0, 1
    index = 1
    while index < len(level):
        if level[index] < level[index - 1]:
            run = index + 1
        below = max(level[run - 1] if run <= index else level[index], float(np.quantile(normal, 0.75)))
        if run > index or level[index] - below < least:
            normal += [level[index]] * (edges[index + 1] - edges[index])
            index += 1
            continue
        after = next(
            (j for j in range(index + 1, len(level)) if level[j] - below < (max(level[index:j]) - below) / 2), None
        )
        start, end = edges[run], edges[after] if after else None
        stop = end or len(series.values)
        lasted = (series.rows[stop - 1] - series.rows[start] + 1) * series.factor
        if (
            lasted >= settings.min_duration_buckets
            and (series.rows[start] - series.rows[base]) * series.factor >= settings.min_baseline_buckets
        ):
            p_value = change_points.step_p_value(series.values[base:start], series.values[start:stop])
            if p_value <= settings.p_value:
                yield Elevation(series.metric, base, start, end, p_value)
        if after is None:
            return
        base, run, index = edges[after], after + 1, after + 1
        normal += [level[after]] * (edges[after + 1] - edges[after])


def from_climb(series: Series, bucket: timedelta, settings: LatencySettings) -> Elevation | None:
    """The slow climb that the series ends with, where Mann and Kendall's test finds one in its last days."""
    per_day = int(_DAY / bucket / series.factor)
    count = len(series.values)
    noise = None
    best: Elevation | None = None
    for days in _CLIMB_DAYS:
        length = days * per_day
        start = count - length
        if start * series.factor < settings.min_baseline_buckets:
            break
        size = max(length // _CLIMB_BINS, 1)
        values = blocks(series.values[start:], size)
        if _risen(values) < np.log(settings.min_ratio) / 2:
            continue
        noise = noise or wander(series.values)
        climb = trend(values, noise.correlations(size, len(values)))
        if climb.p_value > settings.trend_alpha or climb.slope * len(values) < np.log(settings.min_ratio):
            continue
        if best is None or climb.p_value < best.p_value:
            before = [step for step in series.found if step <= start - length]
            best = Elevation(series.metric, before[-1] if before else 0, start, None, climb.p_value, slow=True)
    return best


def _risen(values: Floats) -> float:
    """The last third above the first."""
    third = max(len(values) // 3, 1)
    first, last = np.median([values[:third], values[-third:]], axis=1)
    return float(last - first)

"""Where the latency of one operation rises and stays up: by a step or gradually, since when, until when.

The logarithms of the median, the 95th percentile and the mean of a bucket are each searched for steps; what steps up
from its own past is then fitted as a broken line, which tells a trend from a step, and its onset is sought in the
finest buckets there are.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from logpipe_analysis import elevations
from logpipe_analysis.buckets import Latency
from logpipe_analysis.elevations import Elevation, stretch
from logpipe_analysis.forecast import Crossing, crossing
from logpipe_analysis.latency_series import Series, bin_factor, figures, series
from logpipe_analysis.settings import LatencySettings, StepSettings
from logpipe_analysis.shapes import Fitter, Shape
from logpipe_analysis.statistics import histograms
from logpipe_analysis.statistics.intervals import MOST_BINS, Spread, spread

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Level:
    """The durations of a stretch."""

    p50_ms: float
    p95_ms: float
    mean_ms: float
    events: float
    total_ms: float


@dataclass(frozen=True, slots=True)
class Rise:
    """A stretch of raised latency, in buckets of the range; `end` is None while it lasts."""

    onset: int
    end: int | None
    gradual: bool
    metric: str
    """The figure that shows it best: p50, p95 or mean."""
    before: Level
    after: Level
    p_value: float
    per_bucket: float
    """Growth of the figure a bucket while it rises, as a factor; 1 for a step."""
    expected: float | None = None
    """Executions expected in the stretch, where a log holds slow ones only; `before` is then that log's limit."""
    spread: Spread | None = None
    """How sure the figure is."""
    crossing: Crossing | None = None
    """When p95 passes its limit, for a climb that goes on."""

    def ratio(self) -> float:
        """How many times the figure before it is after."""
        return figure(self.after, self.metric) / max(figure(self.before, self.metric), 1e-9)

    def added_ms(self) -> float:
        """Time spent beyond what the same events took before."""
        return self.after.total_ms - self.after.events * self.before.mean_ms


def figure(level: Level, metric: str) -> float:
    """Milliseconds of the named figure."""
    return {"p50": level.p50_ms, "p95": level.p95_ms, "mean": level.mean_ms}[metric]


def rises(
    latency: Latency, excluded: Bools, bucket: timedelta, settings: LatencySettings, steps: StepSettings
) -> list[Rise]:
    """The rises of an operation's latency, in time order. `excluded` marks buckets of the range to leave out."""
    calm = latency.without(excluded)
    factor = bin_factor(calm.events, settings)
    if factor is None:
        return []
    known = {one.metric: one for one in series(calm, factor, bucket, settings, steps)}
    fitter = Fitter(calm, bucket, known, settings, steps)
    chosen: list[Elevation] = []
    found: list[Rise] = []
    for elevation in sorted(_elevations(known.values(), bucket, settings), key=lambda one: (not one.slow, one.p_value)):
        where = stretch(elevation, known[elevation.metric])
        if any(_overlap(where, stretch(other, known[other.metric])) for other in chosen):
            continue
        shape = fitter.shape(elevation)
        rise = shape and _rise(latency, elevation, known[elevation.metric], shape, bucket, settings)
        if rise or not elevation.slow:
            chosen.append(elevation)
        if rise:
            found.append(rise)
    return sorted(found, key=lambda rise: rise.onset)


def _elevations(every: Iterable[Series], bucket: timedelta, settings: LatencySettings) -> Iterator[Elevation]:
    for one in every:
        yield from elevations.from_steps(one, settings)
        climb = elevations.from_climb(one, bucket, settings)
        if climb:
            yield climb


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _rise(
    latency: Latency, elevation: Elevation, own: Series, shape: Shape, bucket: timedelta, settings: LatencySettings
) -> Rise | None:
    """The rise with what was before and after, where it is large enough."""
    begin = int(own.rows[elevation.base]) * own.factor
    stop = latency.length if elevation.end is None else int(own.rows[elevation.end]) * own.factor
    before, after = (begin, shape.onset), (shape.high, stop)
    rise = Rise(
        latency.first + shape.onset,
        None if elevation.end is None else latency.first + stop,
        shape.gradual,
        shape.metric,
        level_of(latency, *before),
        level_of(latency, *after),
        shape.p_value,
        float(np.exp(shape.climb.slope)),
    )
    grown = figure(rise.after, rise.metric) - figure(rise.before, rise.metric)
    enough = rise.after.events >= settings.min_events and rise.before.events >= settings.min_events
    if not enough or rise.ratio() < settings.min_ratio or grown < settings.min_added_ms:
        return None
    return replace(
        rise,
        spread=_spread(latency, before, after, rise.metric),
        crossing=_crossing(rise, shape, stop, bucket, settings) if elevation.end is None else None,
    )


def _spread(latency: Latency, before: tuple[int, int], after: tuple[int, int], metric: str) -> Spread:
    def figure_of(summed: Floats) -> Floats:
        if metric == "mean":
            return histograms.log_of_mean(summed, latency.lowest)
        return figures(metric, summed, latency.lowest)

    def binned(start: int, end: int) -> Floats:
        return latency.binned(max(-(-(end - start) // MOST_BINS), 1), start, end)

    return spread(binned(*before), binned(*after), figure_of)


def _crossing(rise: Rise, shape: Shape, stop: int, bucket: timedelta, settings: LatencySettings) -> Crossing | None:
    """From where the p95 of the last stretch has come since its middle."""
    now_ms = rise.after.p95_ms * math.exp(shape.climb.slope * (stop - shape.high) / 2)
    return crossing(now_ms, shape.climb, settings.limit_p95_ms, timedelta(days=settings.horizon_days) / bucket)


def level_of(latency: Latency, start: int, end: int) -> Level:
    """The durations from row `start` up to, not including, row `end`."""
    summed = latency.binned(max(end - start, 1), start, end).sum(axis=0, keepdims=True)
    p50, p95 = (float(np.exp(histograms.log_quantile(summed, latency.lowest, share)[0])) for share in (0.5, 0.95))
    events, total = float(summed.sum()), float(latency.sum_ms[start:end].sum())
    return Level(p50, p95, total / max(events, 1.0), events, total)

"""Where the latency of one operation rises and stays up: by a step or gradually, since when, until when.

The logarithms of the median, the 95th percentile and the mean of a bucket are each searched for steps; what steps up
from its own past is then fitted as a broken line, which tells a trend from a step, and its onset is sought in the
finest buckets there are.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from logpipe_analysis.buckets import Latency
from logpipe_analysis.settings import LatencySettings, StepSettings
from logpipe_analysis.statistics import change_points, histograms, ramps

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_FACTORS = (1, 2, 5, 10, 15, 30, 60)
_DAY = timedelta(days=1)
_METRICS = ("p50", "p95", "mean")


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

    def ratio(self) -> float:
        """How many times the figure before it is after."""
        return figure(self.after, self.metric) / max(figure(self.before, self.metric), 1e-9)

    def added_ms(self) -> float:
        """Time spent beyond what the same events took before."""
        return self.after.total_ms - self.after.events * self.before.mean_ms


def figure(level: Level, metric: str) -> float:
    """Milliseconds of the named figure."""
    return {"p50": level.p50_ms, "p95": level.p95_ms, "mean": level.mean_ms}[metric]


@dataclass(frozen=True, slots=True)
class _Elevation:
    """Of one metric, in rows of its series."""

    metric: str
    base: int
    start: int
    end: int | None
    p_value: float


@dataclass(frozen=True, slots=True)
class _Fit:
    """A broken line, in buckets."""

    metric: str
    onset: int
    top: int
    gradual: bool
    trend: ramps.Trend
    """Of the climb, a bucket."""
    rise: float
    noise: float
    """Variance around it, of a bucket."""


@dataclass(frozen=True, slots=True)
class _Series:
    """One metric in bins of several buckets; `rows` are the bins that have enough events."""

    metric: str
    rows: npt.NDArray[np.int64]
    values: Floats


def rises(
    latency: Latency, excluded: Bools, bucket: timedelta, settings: LatencySettings, steps: StepSettings
) -> list[Rise]:
    """The rises of an operation's latency, in time order. `excluded` marks buckets of the range to leave out."""
    histogram = np.where(excluded[latency.first :, None], 0.0, latency.histogram)
    factor = _bin_factor(histogram.sum(axis=1), settings)
    if factor is None:
        return []
    found = [
        (elevation, series)
        for series in _series(latency, histogram, factor, bucket, settings, steps)
        for elevation in _elevations(series, factor, settings, steps)
    ]
    chosen: list[tuple[_Elevation, _Series]] = []
    for elevation, series in sorted(found, key=lambda pair: pair[0].p_value):
        stretch = _stretch(elevation, series)
        if not any(_overlap(stretch, _stretch(*other)) for other in chosen):
            chosen.append((elevation, series))
    refined = (_refined(latency, histogram, factor, elevation, series, settings, steps) for elevation, series in chosen)
    return sorted((rise for rise in refined if rise), key=lambda rise: rise.onset)


def _bin_factor(events: Floats, settings: LatencySettings) -> int | None:
    """Buckets to a bin, so that most bins hold enough events; None where they never do, or too few bins are left."""
    for factor in _FACTORS:
        counted = np.add.reduceat(events, np.arange(0, len(events), factor))
        if (counted > 0).sum() < settings.min_bins:
            return None
        if np.median(counted[counted > 0]) >= settings.bin_events:
            return factor
    return None


def _series(
    latency: Latency,
    histogram: Floats,
    factor: int,
    bucket: timedelta,
    settings: LatencySettings,
    steps: StepSettings,
) -> Iterator[_Series]:
    binned = histograms.merged(histogram, factor)
    rows = np.flatnonzero(binned.sum(axis=1) >= settings.bin_events / 2)
    if len(rows) < settings.min_bins:
        return
    per_day = int(_DAY / bucket / factor)
    for metric in _METRICS:
        values = _metric(metric, binned[rows], latency.lowest)
        if len(rows) >= settings.season_days * per_day:
            phases = (latency.first // factor + rows) % per_day * 24 // per_day
            values = change_points.without_season(values, phases, level_window=3 * per_day + 1)
        values = change_points.without_outliers(values, window=steps.hampel_window, limit=steps.hampel_limit)
        yield _Series(metric, rows, values)


def _metric(metric: str, histogram: Floats, lowest: int) -> Floats:
    if metric == "mean":
        return histograms.log_mean(histogram, lowest)
    return histograms.log_quantile(histogram, lowest, {"p50": 0.5, "p95": 0.95}[metric])


def _elevations(series: _Series, factor: int, settings: LatencySettings, steps: StepSettings) -> Iterator[_Elevation]:
    """Stretches that lie above all that was normal before, from the first step up to the first that undoes half."""
    found = change_points.change_points(
        series.values, alpha=steps.alpha, min_effect=steps.min_effect, min_length=steps.min_length
    )
    edges = [0, *found, len(series.values)]
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
        lasted = (series.rows[stop - 1] - series.rows[start] + 1) * factor
        if (
            lasted >= settings.min_duration_buckets
            and (series.rows[start] - series.rows[base]) * factor >= settings.min_baseline_buckets
        ):
            p_value = change_points.step_p_value(series.values[base:start], series.values[start:stop])
            if p_value <= settings.p_value:
                yield _Elevation(series.metric, base, start, end, p_value)
        if after is None:
            return
        base, run, index = edges[after], after + 1, after + 1
        normal += [level[after]] * (edges[after + 1] - edges[after])


def _stretch(elevation: _Elevation, series: _Series) -> tuple[int, int]:
    last = elevation.end if elevation.end is not None else len(series.rows)
    return int(series.rows[elevation.start]), int(series.rows[last - 1]) + 1


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _refined(
    latency: Latency,
    histogram: Floats,
    factor: int,
    elevation: _Elevation,
    series: _Series,
    settings: LatencySettings,
    steps: StepSettings,
) -> Rise | None:
    """The rise with its shape, its onset in single buckets, and what was before and after."""
    begin = int(series.rows[elevation.base]) * factor
    rough = int(series.rows[elevation.start]) * factor
    stop = len(histogram) if elevation.end is None else int(series.rows[elevation.end]) * factor
    fits = (_fit(latency, histogram[begin:stop], factor, metric, settings, steps) for metric in _METRICS)
    fit = max(fits, key=_clarity)
    if fit.gradual:
        # Once more from nearer by: over hours the level before wanders with the load, and would draw the onset along.
        reach = max(fit.top - fit.onset, settings.min_ramp_reach_buckets)
        first, last = max(begin, begin + fit.onset - reach), min(stop, begin + fit.top + reach // 2)
        closer = _fit(latency, histogram[first:last], factor, fit.metric, settings, steps)
        if closer.gradual:
            fit = replace(closer, onset=first - begin + closer.onset, top=first - begin + closer.top)
    onset, top = begin + fit.onset, begin + fit.top
    gradual = top - onset >= settings.min_ramp_buckets and fit.gradual
    if gradual:
        high = max(onset + 1, min(top, stop - 1) - max((top - onset) // 4, 1))
        p_value, growth = fit.trend.p_value, float(np.exp(fit.trend.slope))
    else:
        near = 3 * factor + 2
        first, last = max(rough - near, begin + 1), min(rough + near, stop - 1)
        onset = first + histograms.likeliest_split(
            histogram[first:last], histogram[begin:first].sum(axis=0), histogram[last:stop].sum(axis=0)
        )
        high, p_value, growth = onset, elevation.p_value, 1.0
    if onset <= begin or high >= stop:
        return None
    before, after = level_of(latency, begin, onset), level_of(latency, high, stop)
    rise = Rise(
        latency.first + onset,
        None if elevation.end is None else latency.first + stop,
        gradual,
        fit.metric if gradual else elevation.metric,
        before,
        after,
        p_value,
        growth,
    )
    grown = figure(after, rise.metric) - figure(before, rise.metric)
    enough = after.events >= settings.min_events and before.events >= settings.min_events
    return rise if enough and rise.ratio() >= settings.min_ratio and grown >= settings.min_added_ms else None


def _fit(
    latency: Latency, histogram: Floats, factor: int, metric: str, settings: LatencySettings, steps: StepSettings
) -> _Fit:
    """The broken line through one metric: of the mean in single buckets, of quantiles in bins that hold enough."""
    size = 1 if metric == "mean" else factor
    binned = histograms.merged(histogram, size)
    events = binned.sum(axis=1)
    rows = np.flatnonzero(events >= (1 if metric == "mean" else settings.bin_events / 2))
    values = _metric(metric, binned[rows], latency.lowest)
    values = change_points.without_outliers(values, window=steps.hampel_window, limit=steps.hampel_limit)
    weights = events[rows]
    ramp = ramps.fit_ramp(values, weights)
    place = np.append(rows, rows[-1] + 1) * size
    onset, top = (round(float(np.interp(at, np.arange(len(place)), place))) for at in (ramp.onset, ramp.top))
    climb = ramps.trend(values[int(ramp.onset) : max(int(ramp.top), int(ramp.onset) + 2)])
    gradual = climb.p_value < settings.trend_alpha and ramps.is_gradual(
        values, ramp, ramps.step_residual(values, weights), alpha=settings.trend_alpha
    )
    noise = ramp.residual / weights.sum()
    return _Fit(metric, onset, top, gradual, ramps.Trend(climb.slope / size, climb.p_value), ramp.rise, noise * size)


def _clarity(fit: _Fit) -> float:
    """How well the rise stands out of the noise of a bucket."""
    return fit.rise / math.sqrt(fit.noise + 1e-12)


def level_of(latency: Latency, start: int, end: int) -> Level:
    """The durations from row `start` up to, not including, row `end`."""
    summed = latency.histogram[start:end].sum(axis=0, keepdims=True)
    p50, p95 = (float(np.exp(histograms.log_quantile(summed, latency.lowest, share)[0])) for share in (0.5, 0.95))
    events, total = float(summed.sum()), float(latency.sum_ms[start:end].sum())
    return Level(p50, p95, total / max(events, 1.0), events, total)

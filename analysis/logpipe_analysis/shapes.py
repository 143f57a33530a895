"""The shape of a rise: a step or a climb, by a broken line through its figures, and its onset in single buckets."""

import math
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from logpipe_analysis.buckets import Latency
from logpipe_analysis.elevations import Elevation
from logpipe_analysis.latency_series import Series, figures, hours
from logpipe_analysis.settings import LatencySettings, StepSettings
from logpipe_analysis.statistics import histograms, ramps, seasons
from logpipe_analysis.statistics.trends import Trend, trend

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_MOST_BINS = 480
"""Of the line's fit: finer ones would only cost time."""


@dataclass(frozen=True, slots=True)
class Shape:
    """In rows of the latency."""

    metric: str
    onset: int
    high: int
    """Where the level after begins: the onset of a step, the last quarter of a climb."""
    gradual: bool
    p_value: float
    climb: Trend
    """A bucket; of no slope for a step."""


@dataclass(frozen=True, slots=True)
class _Fit:
    """A broken line, in rows of the latency."""

    metric: str
    onset: int
    top: int
    gradual: bool
    climb: Trend
    clarity: float
    """How well the rise stands out of the noise of a bucket."""


@dataclass(frozen=True, slots=True)
class Fitter:
    """What every fit of one operation needs."""

    latency: Latency
    bucket: timedelta
    series: dict[str, Series]
    settings: LatencySettings
    steps: StepSettings

    def shape(self, elevation: Elevation) -> Shape | None:
        """That of an elevation; None where nothing lies before it, or where a slow climb turns out to be none."""
        own = self.series[elevation.metric]
        begin = int(own.rows[elevation.base]) * own.factor
        stop = self.latency.length if elevation.end is None else int(own.rows[elevation.end]) * own.factor
        shape = (
            self._slow(begin, own, elevation.p_value) if elevation.slow else self._either(elevation, begin, stop, own)
        )
        return shape if shape and begin < shape.onset and shape.high < stop else None

    def _slow(self, begin: int, own: Series, p_value: float) -> Shape | None:
        """A climb of days until the end, where that explains more than a step does; each has as many parameters.

        What comes after it is told by whole days.
        """
        day, stop = _DAY // self.bucket, self.latency.length
        size, place, values, _ = self._line(begin, stop, own, max(_HOUR // self.bucket, 1))
        weights = np.ones(len(values))  # by the hour it is the wander that counts, and not the number of events
        ramp = ramps.fit_climb(values, weights)
        onset = begin + int(place[int(ramp.onset)])
        if ramp.residual >= ramps.step_residual(values, weights) or stop - onset < day:
            return None
        climb = trend(values[int(ramp.onset) :]).per(size)
        return Shape(own.metric, onset, max(onset + 1, stop - day), True, p_value, climb)

    def _either(self, elevation: Elevation, begin: int, stop: int, own: Series) -> Shape:
        """A step, or a climb that is fast enough to show as one."""
        fit = max((self._fit(begin, stop, one) for one in self.series.values()), key=lambda fit: fit.clarity)
        if fit.gradual:
            fit = self._closer(fit, begin, stop)
        if fit.gradual and fit.top - fit.onset >= self.settings.min_ramp_buckets:
            high = max(fit.onset + 1, min(fit.top, stop - 1) - max((fit.top - fit.onset) // 4, 1))
            return Shape(fit.metric, fit.onset, high, True, fit.climb.p_value, fit.climb)
        onset = self._turned(begin, int(own.rows[elevation.start]) * own.factor, stop, own.factor)
        return Shape(elevation.metric, onset, onset, False, elevation.p_value, Trend(0.0, 0.0, 0.0, 1.0))

    def _closer(self, fit: _Fit, begin: int, stop: int) -> _Fit:
        """Once more from nearer by: over hours the level before wanders with the load, and draws the onset along."""
        reach = max(fit.top - fit.onset, self.settings.min_ramp_reach_buckets)
        first, last = max(begin, fit.onset - reach), min(stop, fit.top + reach // 2)
        closer = self._fit(first, last, self.series[fit.metric])
        return closer if closer.gradual else fit

    def _turned(self, begin: int, rough: int, stop: int, factor: int) -> int:
        """The bucket near a step at which the durations turn from those before to those after."""
        near = 3 * factor + 2
        first, last = max(rough - near, begin + 1), min(rough + near, stop - 1)
        before, after = (
            self.latency.binned(end - start, start, end)[0] for start, end in ((begin, first), (last, stop))
        )
        return first + histograms.likeliest_split(self.latency.binned(1, first, last), before, after)

    def _fit(self, first: int, last: int, series: Series) -> _Fit:
        """The broken line through one metric."""
        size, place, values, weights = self._line(first, last, series, 1)
        alpha = self.settings.trend_alpha
        ramp = ramps.fit_ramp(values, weights)
        onset, top = (round(float(np.interp(at, np.arange(len(place)), place))) for at in (ramp.onset, ramp.top))
        climb = trend(values[int(ramp.onset) : max(int(ramp.top), int(ramp.onset) + 2)])
        step_left = ramps.step_residual(values, weights)
        gradual = climb.p_value < alpha and ramps.is_gradual(values, ramp, step_left, alpha=alpha)
        noise = ramp.residual / weights.sum() * size
        clarity = ramp.rise / math.sqrt(noise + 1e-12)
        return _Fit(series.metric, first + onset, first + top, gradual, climb.per(size), clarity)

    def _line(self, first: int, last: int, series: Series, least: int) -> tuple[int, Integers, Floats, Floats]:
        """Buckets to a bin of a stretch; where its bins begin, and its end; their figures; their events.

        The mean is taken in bins of `least` buckets, quantiles in those that hold enough events.
        """
        mean = series.metric == "mean"
        size = max(least, 1 if mean else series.factor, -(-(last - first) // _MOST_BINS))
        binned = self.latency.binned(size, first, last)
        events = binned.sum(axis=1)
        rows = np.flatnonzero(events >= (1 if mean else self.settings.bin_events / 2))
        values = figures(series.metric, binned[rows], self.latency.lowest)
        values -= series.profile[hours(first // size + rows, size, self.bucket)]
        values = seasons.without_outliers(values, window=self.steps.hampel_window, limit=self.steps.hampel_limit)
        return size, np.append(rows, rows[-1] + 1) * size, values, events[rows]

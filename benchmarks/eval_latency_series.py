"""Latency series whose truth is known: hourly p95 with season, noise, outliers and steps, and series without any.

Made after what hourly percentiles of a web service look like: a level that lasts, a daily wave of up to 15 %, sampling
noise, a slow wander (AR(1)), and now and then an hour that is two to four times as slow.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
from scipy import stats

from logpipe_analysis.buckets import Latency
from logpipe_analysis.statistics import histograms

Floats = npt.NDArray[np.float64]
Noise = Callable[[np.random.Generator, int], Floats]

HOURS = 336
HOURS_PER_DAY = 24


@dataclass(frozen=True, slots=True)
class Series:
    """Milliseconds an hour, and the first indices of new levels."""

    p95: Floats
    steps: list[int]


def white(generator: np.random.Generator, count: int) -> Floats:
    """Independent noise with a standard deviation of 6 to 16 %, mostly of 9."""
    return generator.normal(0, np.exp(generator.normal(np.log(0.09), 0.25)), count)


def autocorrelated(phi: float) -> Noise:
    """AR(1) noise with a standard deviation of 6 to 12 %."""

    def make(generator: np.random.Generator, count: int) -> Floats:
        shocks = generator.normal(size=count + 200)
        values = np.zeros(len(shocks))
        for index in range(1, len(shocks)):
            values[index] = phi * values[index - 1] + shocks[index]
        return values[200:] * np.sqrt(1 - phi**2) * generator.uniform(0.06, 0.12)

    return make


def heavy_tailed(generator: np.random.Generator, count: int) -> Floats:
    """Student's t with three degrees of freedom, of a scale of 5 to 10 %."""
    return generator.standard_t(3, count) * generator.uniform(0.05, 0.1)


def sampled(generator: np.random.Generator, count: int) -> Floats:
    """White noise on a slight wander."""
    return white(generator, count) + 0.2 * autocorrelated(0.5)(generator, count)


def wave(generator: np.random.Generator, count: int, least: float, most: float) -> Floats:
    """A daily wave of random phase, and at times a second one twice as fast, as a share of the level."""
    size, phase = generator.uniform(least, most), generator.uniform(0, 2 * np.pi)
    turn = 2 * np.pi * np.arange(count) / HOURS_PER_DAY
    return size * (np.sin(turn + phase) + generator.choice([0.0, 0.5]) * np.sin(2 * turn + generator.uniform(0, 6)))


def series(
    generator: np.random.Generator,
    *,
    stepping: bool,
    noise: Noise = sampled,
    season: tuple[float, float] = (0.0, 0.15),
    outliers: float = 0.01,
) -> Series:
    """Two weeks of hours; a step of 8 to 60 %, as often up as down, after a seventh and before the last seventh."""
    level = np.full(HOURS, 130.0)
    steps = [int(generator.integers(HOURS // 7, HOURS - HOURS // 7))] if stepping else []
    for step in steps:
        factor = 1 + generator.uniform(0.08, 0.6)
        level[step:] *= factor if generator.random() < 0.5 else 1 / factor
    values = level * (1 + wave(generator, HOURS, *season)) * np.exp(noise(generator, HOURS))
    slow = generator.random(HOURS) < outliers
    return Series(values * np.where(slow, generator.uniform(2, 4, HOURS), 1.0), steps)


TEN_MINUTES = timedelta(minutes=10)
PER_DAY = 144


def operation(
    generator: np.random.Generator,
    days: float,
    *,
    onset_day: float | None = None,
    a_day: float = 1.1,
    noise: Noise = white,
    season: tuple[float, float] = (0.0, 0.15),
    events: float = 40.0,
) -> Latency:
    """The histograms of an operation in buckets of ten minutes, that grows by the factor `a_day` from its onset on.

    Durations are lognormal; their median has the season, and `noise` an hour; traffic has a daily wave of its own.
    """
    rows = round(days * PER_DAY)
    at = np.arange(rows) / PER_DAY
    hours = -(-rows // 6)
    median = np.log(60 * (1 + np.repeat(wave(generator, hours, *season), 6)[:rows]))
    median += np.repeat(noise(generator, hours), 6)[:rows]
    if onset_day is not None:
        median += np.log(a_day) * np.maximum(at - onset_day, 0)
    lowest, width = 8, 100
    borders = (lowest + np.arange(width + 1)) * histograms.LOG_WIDTH
    chance = np.diff(stats.norm.cdf((borders - median[:, None]) / generator.uniform(0.4, 0.7)), axis=1)
    traffic = events * (1 + 0.6 * np.sin(2 * np.pi * at + generator.uniform(0, 6)))
    histogram = generator.poisson(traffic[:, None] * chance).astype(np.float64)
    centres = np.exp((borders[:-1] + borders[1:]) / 2)
    cells, columns = np.nonzero(histogram)
    counts = histogram[cells, columns]
    return Latency("GET /", "http", 0, rows, cells, columns, counts, lowest, histogram @ centres)

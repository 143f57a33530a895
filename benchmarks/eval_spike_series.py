"""Series of requests and errors with known spikes, made anew from a seed: five-minute buckets of two weeks.

Three kinds. `constant` is as `spikes_counts` is: an error rate that stays, over-dispersed. `wandering` stands for what
real services do: the logarithm of the rate is an AR(1) process with a memory of two hours to a day, and has a shape of
the day. `restless` wanders further and faster, with a memory down to half an hour, so that some of what chance does is
hard to tell from a spike by any eye.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import signal

Floats = npt.NDArray[np.float64]

BUCKETS_PER_DAY = 288
DAYS = 14
FIRST_SPIKE_DAY = 4
LEAST_EXCESS = 6.0
"""Errors that a spike adds on average at least: fewer are no event."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a series is drawn from; pairs are the ends of a range."""

    memory_buckets: tuple[float, float] | None
    """Half-life of the wander of the rate; None where the rate stays."""
    wander: tuple[float, float]
    """Standard deviation of the logarithm of the rate."""
    dispersion: tuple[float, float]
    longest: int
    """Buckets of a spike at most."""


CONSTANT = Kind(None, (0.0, 0.0), (0.1, 0.1), 12)
WANDERING = Kind((24, BUCKETS_PER_DAY), (0.2, 0.4), (0.05, 0.15), 24)
RESTLESS = Kind((6, BUCKETS_PER_DAY), (0.2, 0.7), (0.05, 0.3), 24)


@dataclass(frozen=True, slots=True)
class LabelledSeries:
    """One value a bucket each."""

    requests: Floats
    errors: Floats
    spiking: npt.NDArray[np.bool_]


def many(seed: int, count: int, kind: Kind, *, spikes: bool = True) -> list[LabelledSeries]:
    """So many series; without `spikes` none has any."""
    generator = np.random.default_rng(seed)
    return [_series(generator, kind, spikes=spikes) for _ in range(count)]


def _series(generator: np.random.Generator, kind: Kind, *, spikes: bool) -> LabelledSeries:
    length = DAYS * BUCKETS_PER_DAY
    requests = _requests(generator, length)
    rate = 10 ** generator.uniform(-3.7, -1.2) * _wander(generator, kind, length)
    factor = _spikes(generator, kind, rate * requests) if spikes else np.ones(length)
    alpha = generator.uniform(*kind.dispersion)
    mean = np.minimum(rate * factor, 0.9) * requests * generator.gamma(1 / alpha, alpha, length)
    return LabelledSeries(requests, generator.poisson(mean).astype(np.float64), factor > 1)


def _requests(generator: np.random.Generator, length: int) -> Floats:
    """A day, a week, noise that lasts, and bursts of traffic, which bring no more errors a request."""
    days = np.arange(length) / BUCKETS_PER_DAY
    shape = generator.uniform(0.2, 0.8) * _wave(generator, days) + generator.uniform(0, 0.3) * _wave(
        generator, days / 7
    )
    level = 10 ** generator.uniform(1, 4) * np.exp(shape + _ar(generator, length, 0.9, generator.uniform(0.1, 0.4)))
    for _ in range(generator.poisson(DAYS / 5)):
        start = generator.integers(0, length)
        level[start : start + generator.integers(1, 12)] *= generator.uniform(1.5, 5)
    return generator.poisson(level).astype(np.float64)


def _wander(generator: np.random.Generator, kind: Kind, length: int) -> Floats:
    if kind.memory_buckets is None:
        return np.ones(length)
    shortest, longest = np.log10(kind.memory_buckets)
    memory = 10 ** generator.uniform(shortest, longest)
    shape = generator.uniform(0, 0.4) * _wave(generator, np.arange(length) / BUCKETS_PER_DAY)
    return np.asarray(np.exp(shape + _ar(generator, length, 0.5 ** (1 / memory), generator.uniform(*kind.wander))))


def _spikes(generator: np.random.Generator, kind: Kind, expected: Floats) -> Floats:
    """By which factor the rate is raised: one nearly everywhere."""
    factor = np.ones_like(expected)
    for _ in range(generator.integers(0, 4)):
        start = int(generator.integers(FIRST_SPIKE_DAY * BUCKETS_PER_DAY, len(expected) - 2 * kind.longest))
        end, times = start + int(generator.integers(2, kind.longest + 1)), generator.uniform(3, 20)
        enough = (times - 1) * expected[start:end].sum() >= LEAST_EXCESS
        if enough and (factor[start - kind.longest : end + kind.longest] == 1).all():
            factor[start:end] = times
    return factor


def _wave(generator: np.random.Generator, turns: Floats) -> Floats:
    return np.asarray(np.sin(2 * np.pi * (turns + generator.random())))


def _ar(generator: np.random.Generator, length: int, memory: float, deviation: float) -> Floats:
    """A stationary AR(1) process."""
    shocks = generator.normal(0, deviation * np.sqrt(1 - memory**2), length)
    shocks[0] = generator.normal(0, deviation)
    return np.asarray(signal.lfilter([1.0], [1.0, -memory], shocks))

"""When visitors come, and how long things take."""

import math
import random
from collections.abc import Iterator
from typing import Final

from sample_logs.incidents import DAY_S

_HOURLY: Final = (
    0.35, 0.28, 0.25, 0.25, 0.30, 0.45, 0.70, 0.95, 1.20, 1.35, 1.40, 1.40,
    1.35, 1.35, 1.40, 1.40, 1.40, 1.45, 1.50, 1.60, 1.55, 1.30, 0.90, 0.55,
)  # fmt: skip
_MEAN: Final = sum(_HOURLY) / len(_HOURLY)


def load(at: float) -> float:
    """The traffic at a second of the day as a multiple of the day's mean: few at night, most in the evening."""
    hour = at / 3600 - 0.5  # the figure of an hour holds at its middle
    low = math.floor(hour)
    share = hour - low
    return (_HOURLY[low % 24] * (1 - share) + _HOURLY[(low + 1) % 24] * share) / _MEAN


def arrivals(rng: random.Random, per_minute: float) -> Iterator[float]:
    """Seconds of the day at which independent visitors come, `per_minute` in the day's mean."""
    at = 0.0
    while True:
        at += rng.expovariate(per_minute / 60 * load(at))
        if at >= DAY_S:
            return
        yield at


def ticks(rng: random.Random, every_s: float, jitter_s: float) -> Iterator[float]:
    """Seconds of the day of what runs by a timer."""
    for index in range(int(DAY_S / every_s)):
        yield index * every_s + rng.uniform(0, jitter_s)


def latency_ms(rng: random.Random, median_ms: float, sigma: float, at: float) -> float:
    """A log-normal duration, a few per cent longer under load."""
    return median_ms * (1 + 0.03 * (load(at) - 1)) * rng.lognormvariate(0, sigma)

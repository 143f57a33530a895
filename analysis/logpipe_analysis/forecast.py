"""When a latency that climbs will pass its limit, if it goes on as it does."""

import math
from dataclasses import dataclass

from logpipe_analysis.statistics.trends import Trend


@dataclass(frozen=True, slots=True)
class Crossing:
    """In buckets from the end of the data; the interval is that of the slope, 95 %."""

    limit_ms: float
    likely: float
    earliest: float
    latest: float
    """Infinite where the slope may be none, or next to it."""


def crossing(figure_ms: float, climb: Trend, limit_ms: float, horizon: float) -> Crossing | None:
    """When `figure_ms`, as it is now, passes `limit_ms`; None where it has, or would not within `horizon` buckets."""
    left = math.log(limit_ms / max(figure_ms, 1e-9))
    if left <= 0 or climb.slope <= 0 or left / climb.slope > horizon:
        return None
    latest = left / climb.low if climb.low * 10 * horizon > left else math.inf
    return Crossing(limit_ms, left / climb.slope, left / climb.high, latest)

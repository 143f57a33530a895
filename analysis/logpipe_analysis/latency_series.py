"""One figure of an operation's latency over time: the logarithm of p50, p95 or the mean, in bins with enough events."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from logpipe_analysis.buckets import Latency
from logpipe_analysis.settings import LatencySettings, StepSettings
from logpipe_analysis.statistics import histograms
from logpipe_analysis.statistics.steps import steps

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

METRICS = ("p50", "p95", "mean")

_FACTORS = (1, 2, 5, 10, 15, 30, 60)
_DAY = timedelta(days=1)
_PHASES = 24
_LEVEL_DAYS = 3


@dataclass(frozen=True, slots=True)
class Series:
    """One metric in bins of `factor` buckets; `rows` are the bins that have enough events."""

    metric: str
    factor: int
    rows: Integers
    values: Floats
    """Without the profile of the day, and without outliers."""
    profile: Floats
    """What is normal in each hour of the day, counted from the first bucket; zeros where too few days are known."""
    found: list[int]
    """The steps among the values."""


def bin_factor(events: Floats, settings: LatencySettings) -> int | None:
    """Buckets to a bin, so that most bins hold enough events; None where they never do, or too few bins are left."""
    total = np.concatenate(([0.0], np.cumsum(events)))
    for factor in _FACTORS:
        counted = np.diff(np.append(total[:-1:factor], total[-1]))
        some = np.count_nonzero(counted)
        if some < settings.min_bins:
            return None
        if 2 * np.count_nonzero(counted >= settings.bin_events) >= some:
            return factor
    return None


def series(
    latency: Latency, factor: int, bucket: timedelta, settings: LatencySettings, found: StepSettings
) -> Iterator[Series]:
    """Each metric, with its steps."""
    binned = latency.binned(factor)
    rows = np.flatnonzero(binned.sum(axis=1) >= settings.bin_events / 2)
    if len(rows) < settings.min_bins:
        return
    per_day = int(_DAY / bucket / factor)
    phases = hours(rows, factor, bucket) if len(rows) >= settings.season_days * per_day else None
    for metric in METRICS:
        stepped = steps(
            figures(metric, binned[rows], latency.lowest),
            phases,
            level_window=_LEVEL_DAYS * per_day + 1,
            **asdict(found),
        )
        profile = np.zeros(_PHASES)
        if phases is not None:
            profile[phases] = stepped.season
        yield Series(metric, factor, rows, stepped.values, profile, stepped.found)


def hours(rows: Integers, size: int, bucket: timedelta) -> Integers:
    """The hour of the day, counted from the first bucket, of bins of `size` buckets."""
    width = size * bucket / timedelta(hours=1)
    return np.asarray(np.floor(rows * width + 1e-9) % _PHASES, dtype=np.int64)


def figures(metric: str, histogram: Floats, lowest: int) -> Floats:
    """The metric of each row in log ms; NaN for an empty row."""
    if metric == "mean":
        return histograms.log_mean(histogram, lowest)
    return histograms.log_quantile(histogram, lowest, {"p50": 0.5, "p95": 0.95}[metric])

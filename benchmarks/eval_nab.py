"""Gauges on the Numenta Anomaly Benchmark: our score, and whether the scorer gives what was published.

The published scores are those of the benchmark's `windowedGaussian`, file by file (numenta/NAB,
results/windowedGaussian): a simple detector, so that the scorer can be held against them anywhere. Its published
threshold of 1 has 12 digits; tails of the normal distribution under 5e-13 count as 0.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import nab_scoring
import numpy as np
import numpy.typing as npt
import pandas as pd
from eval_measure import Measure
from nab_scoring import Series
from scipy import stats

from logpipe_analysis.settings import GaugeSettings
from logpipe_analysis.statistics import gauges

Bools = npt.NDArray[np.bool_]

PUBLISHED = Path(__file__).with_name("nab_windowed_gaussian.csv")
OTHERS = [
    GaugeSettings(record_values=values, limit=limit) for values in (1000, 2000, 4000) for limit in (1.05, 1.1, 1.2)
]
_WINDOW, _STEP, _TAIL = 6400, 100, 5e-13


def measure() -> Iterator[Measure]:
    """The score over all files; of each group when the settings are chosen on the others; and the scorer's own."""
    every = nab_scoring.load(Path(os.environ["LOGPIPE_EVAL_DATA"]) / "spikes_nab")
    groups = sorted({series.group for series in every if series.windows})
    yield Measure(f"gauges, NAB of {len(every)} files: standard score", _scored(every, GaugeSettings()), 60, digits=1)
    yield Measure("gauges, NAB: the same, settings chosen without the group", _left_out(every, groups), 60, digits=1)
    published = pd.read_csv(PUBLISHED, index_col="file")["score"]
    apart = [abs(nab_scoring.raw_score(one, _gaussian(one)) - published[one.name]) for one in every]
    yield Measure(
        "NAB's scorer: the most that a published score of a file is missed by",
        max(apart),
        1e-9,
        at_most=True,
        digits=12,
    )


def _scored(every: list[Series], settings: GaugeSettings) -> float:
    return nab_scoring.score(_raw(every, settings), every)


def _raw(every: list[Series], settings: GaugeSettings) -> dict[str, float]:
    return {series.name: nab_scoring.raw_score(series, alerts(series, settings)) for series in every}


def alerts(series: Series, settings: GaugeSettings) -> Bools:
    """The alerts of our detector, one flag a row. Rows are put at regular times, as in buckets, none before its own."""
    step = float(np.median(np.diff(series.times)))
    position = np.rint((series.times - series.times[0]) / step).astype(np.int64)
    for row in range(1, len(position)):
        position[row] = max(position[row], position[row - 1] + 1)
    values = np.full(position[-1] + 1, np.nan)
    values[position] = series.values
    strange = gauges.strangeness(values, day=round(86_400 / step), history=settings.record_values)
    raised = gauges.alarms(strange, limit=settings.limit)
    return np.isin(position, raised)


def _left_out(every: list[Series], groups: list[str]) -> float:
    """Each group judged with those of `OTHERS` that do best on the other groups."""
    tried = [_raw(every, other) for other in OTHERS]
    total: dict[str, float] = {}
    for group in groups:
        best = max(tried, key=lambda raw: sum(score for name, score in raw.items() if not name.startswith(f"{group}/")))
        total |= {name: score for name, score in best.items() if name.startswith(f"{group}/")}
    return nab_scoring.score(total, every)


def _gaussian(series: Series) -> Bools:
    """The benchmark's windowedGaussian: a value beyond the tail of a normal distribution of the values before."""
    row = np.arange(1, len(series.values))
    first = np.maximum(row - _WINDOW, 0) // _STEP * _STEP
    last = np.where(row <= _WINDOW, row, _WINDOW + first)
    centred = series.values - series.values.mean()
    sums, squares = (np.concatenate(([0.0], np.cumsum(part))) for part in (centred, centred**2))
    mean = (sums[last] - sums[first]) / (last - first)
    variance = np.maximum((squares[last] - squares[first]) / (last - first) - mean**2, 0.0)
    spread = np.where(variance > 1e-24 * np.abs(series.values).max() ** 2, np.sqrt(variance), 1e-6)
    tail = stats.norm.sf(np.abs(centred[1:] - mean) / spread)
    return np.concatenate(([False], tail < _TAIL))

"""Steps on labelled latency series: precision, recall and F1 within a margin of 3, 5 and 12 buckets.

Each series is 336 hourly values of p95.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from eval_measure import Measure

from logpipe_analysis.settings import StepSettings
from logpipe_analysis.statistics import change_points as steps

MARGINS = (5, 12)
HOURS_PER_DAY = 24


def measure() -> Iterator[Measure]:
    """F1 of the synthetic steps."""
    path = Path(os.environ["LOGPIPE_EVAL_DATA"]) / "latency_steps" / "synthetic_p95_steps.json"
    cases = json.loads(path.read_text())
    found = [find(np.array(case["p95"]), StepSettings()) for case in cases]
    for margin in MARGINS:
        f1 = score([case["steps"] for case in cases], found, margin)
        yield Measure(f"latency steps, `latency_steps`: F1 within {margin} values", f1, 0.95)


def find(p95: np.ndarray, settings: StepSettings) -> list[int]:
    values = np.log(p95)
    values = steps.without_season(values, np.arange(len(values)) % HOURS_PER_DAY, level_window=3 * HOURS_PER_DAY + 1)
    return find_plain(values, settings)


def find_plain(values: np.ndarray, settings: StepSettings) -> list[int]:
    values = steps.without_outliers(values, window=settings.hampel_window, limit=settings.hampel_limit)
    return steps.change_points(
        values, alpha=settings.alpha, min_effect=settings.min_effect, min_length=settings.min_length
    )


def score(truth: list[list[int]], found: list[list[int]], margin: int) -> float:
    hits = sum(any(abs(f - t) <= margin for f in fs) for ts, fs in zip(truth, found, strict=True) for t in ts)
    good = sum(any(abs(f - t) <= margin for t in ts) for ts, fs in zip(truth, found, strict=True) for f in fs)
    all_truth, all_found = sum(map(len, truth)), sum(map(len, found))
    precision, recall = good / max(all_found, 1), hits / all_truth
    return 2 * precision * recall / (precision + recall)

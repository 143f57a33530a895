"""Steps on labelled latency series: precision, recall and F1 within a margin of 3, 5 and 12 buckets.

Each series is 336 hourly values of p95.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
from eval_measure import Measure

from logpipe_analysis.settings import StepSettings
from logpipe_analysis.statistics import steps as stepping

MARGINS = (5, 12)
HOURS_PER_DAY = 24


def measure() -> Iterator[Measure]:
    """F1 of the synthetic steps."""
    path = Path(os.environ["LOGPIPE_EVAL_DATA"]) / "latency_steps" / "synthetic_p95_steps.json"
    cases = json.loads(path.read_text())
    found = [find(np.array(case["p95"])) for case in cases]
    for margin in MARGINS:
        f1 = score([case["steps"] for case in cases], found, margin)
        yield Measure(f"latency steps, `latency_steps`: F1 within {margin} values", f1, 0.95)


def find(p95: np.ndarray) -> list[int]:
    """The steps of hourly percentiles, by the judge and the settings of the detector."""
    phases = np.arange(len(p95)) % HOURS_PER_DAY
    return stepping.steps(np.log(p95), phases, level_window=3 * HOURS_PER_DAY + 1, **asdict(StepSettings())).found


def score(truth: list[list[int]], found: list[list[int]], margin: int) -> float:
    hits = sum(any(abs(f - t) <= margin for f in fs) for ts, fs in zip(truth, found, strict=True) for t in ts)
    good = sum(any(abs(f - t) <= margin for t in ts) for ts, fs in zip(truth, found, strict=True) for f in fs)
    all_truth, all_found = sum(map(len, truth)), sum(map(len, found))
    precision, recall = good / max(all_found, 1), hits / all_truth
    return 2 * precision * recall / (precision + recall)

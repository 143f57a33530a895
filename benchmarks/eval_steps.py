"""Steps on labelled latency series: precision, recall and F1 within a margin of 3, 5 and 12 buckets.

    LOGPIPE_EVAL_DATA=... python benchmarks/eval_steps.py

Each series is 336 hourly values of p95; the series of MongoDB's tests are printed with the indices found.
"""

import json
import os
import time
from pathlib import Path

import numpy as np

from logpipe_analysis.settings import StepSettings
from logpipe_analysis.statistics import change_points as steps

MARGINS = (3, 5, 12)
HOURS_PER_DAY = 24


def main() -> None:
    data = Path(os.environ["LOGPIPE_EVAL_DATA"])
    cases = json.loads((data / "latency_steps" / "synthetic_p95_steps.json").read_text())
    for alpha in (1e-3, 1e-4, 1e-5):
        settings = StepSettings(alpha=alpha)
        started = time.perf_counter()
        found = [find(np.array(case["p95"]), settings) for case in cases]
        each_ms = (time.perf_counter() - started) / len(cases) * 1000
        for margin in MARGINS:
            print(f"alpha={alpha:g} within {margin:>2}", score([case["steps"] for case in cases], found, margin))
        print(f"{each_ms:.1f} ms a series")
    for name in ("real_series", "mad_series", "robust_series", "long_series"):
        values = np.array(json.loads((data / "changepoint" / f"{name}.json").read_text()))
        print(name, find_plain(values, StepSettings()))


def find(p95: np.ndarray, settings: StepSettings) -> list[int]:
    values = np.log(p95)
    values = steps.without_season(values, np.arange(len(values)) % HOURS_PER_DAY, level_window=3 * HOURS_PER_DAY + 1)
    return find_plain(values, settings)


def find_plain(values: np.ndarray, settings: StepSettings) -> list[int]:
    values = steps.without_outliers(values, window=settings.hampel_window, limit=settings.hampel_limit)
    return steps.change_points(
        values, alpha=settings.alpha, min_effect=settings.min_effect, min_length=settings.min_length
    )


def score(truth: list[list[int]], found: list[list[int]], margin: int) -> str:
    hits = sum(any(abs(f - t) <= margin for f in fs) for ts, fs in zip(truth, found, strict=True) for t in ts)
    good = sum(any(abs(f - t) <= margin for t in ts) for ts, fs in zip(truth, found, strict=True) for f in fs)
    all_truth, all_found = sum(map(len, truth)), sum(map(len, found))
    precision, recall = good / max(all_found, 1), hits / all_truth
    return f"F1 {2 * precision * recall / (precision + recall):.3f}  precision {precision:.3f}  recall {recall:.3f}"


if __name__ == "__main__":
    main()

"""Steps and trends of latencies: on labelled series, on generated ones of new seeds, and on series without either.

Steps are judged on hourly p95 by the function that the detector calls, a hit being within so many hours; trends by
the detector's own `rises`, on histograms of two weeks or less.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from eval_latency_series import (
    HOURS_PER_DAY,
    TEN_MINUTES,
    Noise,
    Series,
    autocorrelated,
    heavy_tailed,
    operation,
    sampled,
    series,
    white,
)
from eval_measure import Measure

from logpipe_analysis.buckets import Latency
from logpipe_analysis.rises import Rise, rises
from logpipe_analysis.settings import LatencySettings, StepSettings
from logpipe_analysis.statistics.steps import steps

SEEDS = (101, 102, 103)
PER_SEED = 120
MARGINS = (5, 12)
DAYS_TO_FIND = 3
TRENDS = 60
FLAT = 100

KINDS: dict[str, Noise] = {
    "white": white,
    "AR(1) 0.5": autocorrelated(0.5),
    "AR(1) 0.8": autocorrelated(0.8),
    "AR(1) 0.9": autocorrelated(0.9),
    "t(3)": heavy_tailed,
}


def measure() -> Iterator[Measure]:
    """F1 of steps, false steps, trends found, false trends."""
    path = Path(os.environ["LOGPIPE_EVAL_DATA"]) / "latency_steps" / "synthetic_p95_steps.json"
    given = [Series(np.array(case["p95"]), case["steps"]) for case in json.loads(path.read_text())]
    fresh = [one for seed in SEEDS for one in _generated(seed)]
    for name, cases in (("`latency_steps`", given), (f"{len(SEEDS)} new seeds", fresh)):
        found = [find(one.p95) for one in cases]
        for margin in MARGINS:
            f1 = score([one.steps for one in cases], found, margin)
            yield Measure(f"latency steps, {name}: F1 within {margin} values", f1, 0.95)
    yield Measure("latency steps: share that is reported and later taken back", taken_back(fresh[1:200:2]), 0.05, True)
    for name, noise in KINDS.items():
        yield Measure(f"latency, no step, {name}: share of series with a step", _false_steps(noise), 0.02, True)
    yield Measure("latency, no step, large season: share of series with a step", _false_steps(white, 0.4), 0.02, True)
    yield Measure(f"latency trends of 10 % a day found within {DAYS_TO_FIND} days", _trends_found(), 0.95)
    for name, noise, season in (
        ("stationary", white, 0.0),
        ("seasonal", white, 0.4),
        ("AR(1) 0.8", autocorrelated(0.8), 0.15),
    ):
        yield Measure(f"latency, no trend, {name}: share of series with one", _false_trends(noise, season), 0.01, True)


def find(p95: np.ndarray) -> list[int]:
    """The steps of hourly percentiles, by the judge and the settings of the detector."""
    phases = np.arange(len(p95)) % HOURS_PER_DAY
    return steps(np.log(p95), phases, level_window=3 * HOURS_PER_DAY + 1, **asdict(StepSettings())).found


def score(truth: Sequence[list[int]], found: Sequence[list[int]], margin: int) -> float:
    """F1 of indices."""
    hits = sum(any(abs(f - t) <= margin for f in fs) for ts, fs in zip(truth, found, strict=True) for t in ts)
    good = sum(any(abs(f - t) <= margin for t in ts) for ts, fs in zip(truth, found, strict=True) for f in fs)
    all_truth, all_found = sum(map(len, truth)), sum(map(len, found))
    precision, recall = good / max(all_found, 1), hits / all_truth
    return 2 * precision * recall / (precision + recall)


def taken_back(cases: Sequence[Series]) -> float:
    """Of steps reported at the end of any half day, those that the whole series does not show within a day."""
    reported = lost = 0
    for one in cases:
        final = find(one.p95)
        seen: list[int] = []
        for end in range(4 * HOURS_PER_DAY, len(one.p95), HOURS_PER_DAY // 2):
            for step in find(one.p95[:end]):
                if all(abs(step - other) > HOURS_PER_DAY for other in seen):
                    seen.append(step)
        reported += len(seen)
        lost += sum(all(abs(step - other) > HOURS_PER_DAY for other in final) for step in seen)
    return lost / max(reported, 1)


def _generated(seed: int) -> list[Series]:
    generator = np.random.default_rng(seed)
    return [series(generator, stepping=bool(index % 2), noise=sampled) for index in range(PER_SEED)]


def _false_steps(noise: Noise, season: float = 0.15) -> float:
    generator = np.random.default_rng(104)
    flat = [series(generator, stepping=False, noise=noise, season=(0.0, season)) for _ in range(FLAT)]
    return float(np.mean([bool(find(one.p95)) for one in flat]))


def _trends_found() -> float:
    generator = np.random.default_rng(105)
    found = 0
    for _ in range(TRENDS):
        onset = float(generator.uniform(4, 11))
        climbing = operation(generator, onset + DAYS_TO_FIND, onset_day=onset)
        found += [rise.gradual for rise in _rises(climbing)] == [True]
    return found / TRENDS


def _false_trends(noise: Noise, season: float) -> float:
    generator = np.random.default_rng(106)
    flat = [operation(generator, 14, noise=noise, season=(0.0, season)) for _ in range(FLAT)]
    return float(np.mean([any(rise.gradual for rise in _rises(one)) for one in flat]))


def _rises(latency: Latency) -> list[Rise]:
    nothing = np.zeros(latency.length, dtype=bool)
    return rises(latency, nothing, TEN_MINUTES, LatencySettings(), StepSettings())

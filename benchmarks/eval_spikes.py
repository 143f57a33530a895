"""Error spikes on labelled counts: F1 of events, false alerts, and whether the stated share of false findings is one.

An event is a run of labelled buckets; it is found when an episode overlaps it or touches it within one bucket. An
episode that overlaps no event is a false alert. Series of one set are analysed together, as the cells of a store are,
each its own service.
"""

import operator
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial, reduce
from pathlib import Path

import numpy as np
import pandas as pd
from eval_measure import Measure
from eval_spike_series import BUCKETS_PER_DAY, CONSTANT, RESTLESS, WANDERING, Kind, LabelledSeries, many

from logpipe_analysis.settings import ErrorSpikeSettings
from logpipe_analysis.spikes import Judged, decide, judge
from logpipe_analysis.statistics.episodes import episodes

SEEDS = (20260, 20261, 20262)
SERIES = 200
"""Of each seed; those of one seed are analysed together, and what came of all seeds is added up."""
SHARES = (0.02, 0.05, 0.1)
"""Stated shares of false findings that are compared with what is observed."""


@dataclass(frozen=True, slots=True)
class Score:
    """What became of the events of a set of series."""

    events: int
    found: int
    prompt: int
    """Of those found: with an onset within one bucket."""
    alerts: int
    false_alerts: int
    days: float
    """Series times days."""

    @property
    def f1(self) -> float:
        precision, recall = (self.alerts - self.false_alerts) / max(self.alerts, 1), self.found / max(self.events, 1)
        return 2 * precision * recall / max(precision + recall, 1e-9)

    def __add__(self, other: "Score") -> "Score":
        return Score(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


def measure() -> Iterator[Measure]:
    """F1 and false alerts on given and on new series; the observed share of false findings beside the stated one."""
    settings = ErrorSpikeSettings()
    seeds = f"{len(SEEDS)} new seeds"
    yield from _found("`spikes_counts`", score([labelled()], settings), 0.95, 0.002)
    yield from _found(f"constant rate, {seeds}", score(_made(CONSTANT), settings), 0.95, 0.002)
    wandering, restless = _made(WANDERING), _made(RESTLESS)
    judged = [_judged(series, settings) for series in wandering]
    yield from _found(f"wandering rate, {seeds}", _scored(wandering, judged, settings), 0.88, 0.01)
    yield from _nothing("wandering rate without spikes", [many(SEEDS[1], SERIES, WANDERING, spikes=False)], settings)
    yield from _calibration("wandering rate", wandering, judged, settings)
    others = [_judged(series, settings) for series in restless]
    yield from _calibration("restless rate", restless, others, settings)
    both = [[*one, *other] for one, other in zip(wandering, restless, strict=True)]
    of_both = [[*one, *other] for one, other in zip(judged, others, strict=True)]
    yield from _calibration("wandering and restless rates together", both, of_both, settings)


def _made(kind: Kind) -> list[list[LabelledSeries]]:
    return [many(seed, SERIES, kind) for seed in SEEDS]


def labelled() -> list[LabelledSeries]:
    """The series of `spikes_counts`."""
    path = Path(os.environ["LOGPIPE_EVAL_DATA"]) / "spikes_counts" / "synthetic_counts.parquet"
    return [
        LabelledSeries(
            frame["requests"].to_numpy(np.float64), frame["errors"].to_numpy(np.float64), frame["label"].to_numpy() == 1
        )
        for _, frame in pd.read_parquet(path).groupby("series")
    ]


def score(sets: Sequence[Sequence[LabelledSeries]], settings: ErrorSpikeSettings) -> Score:
    """Judge and decide as an analysis does, each set by itself."""
    return _scored(sets, [_judged(series, settings) for series in sets], settings)


def _judged(series: Sequence[LabelledSeries], settings: ErrorSpikeSettings) -> list[Judged]:
    history = settings.history_days * BUCKETS_PER_DAY
    return [judge(one.errors, one.requests, history=history, settings=settings) for one in series]


def _scored(
    sets: Sequence[Sequence[LabelledSeries]], judged: Sequence[Sequence[Judged]], settings: ErrorSpikeSettings
) -> Score:
    return reduce(operator.add, (_of_set(*one, settings) for one in zip(sets, judged, strict=True)))


def _of_set(series: Sequence[LabelledSeries], judged: Sequence[Judged], settings: ErrorSpikeSettings) -> Score:
    history = settings.history_days * BUCKETS_PER_DAY
    length = max(len(one.errors) for one in series)
    kept = [partial(_itself, one) for one in judged]
    decided = decide(kept, range(len(series)), length=length, history=history, settings=settings)
    events = found = prompt = alerts = false_alerts = 0
    for one, spikes in zip(series, decided, strict=True):
        truth = list(episodes(one.spiking, 0))
        hits = [[spike for spike in spikes if spike.start <= t.end and t.start <= spike.end] for t in truth]
        events += len(truth)
        found += sum(map(bool, hits))
        prompt += sum(abs(hit[0].start - t.start) <= 1 for t, hit in zip(truth, hits, strict=True) if hit)
        alerts += len(spikes)
        false_alerts += len(spikes) - len({spike.start for hit in hits for spike in hit})
    days = sum(len(one.errors) for one in series) / BUCKETS_PER_DAY
    return Score(events, found, prompt, alerts, false_alerts, days)


def _itself(judged: Judged) -> Judged:
    return judged


def _found(name: str, result: Score, f1: float, false_alerts: float) -> Iterator[Measure]:
    what = f"error spikes, {name}"
    yield Measure(f"{what}: event F1 ({result.events} events)", result.f1, f1)
    per_day = result.false_alerts / result.days
    yield Measure(f"{what}: false alerts a series and day", per_day, false_alerts, at_most=True, digits=4)
    yield Measure(f"{what}: onsets within one bucket", result.prompt / max(result.found, 1), 0.85)


def _nothing(name: str, series: Sequence[Sequence[LabelledSeries]], settings: ErrorSpikeSettings) -> Iterator[Measure]:
    result = score(series, settings)
    per_day = result.false_alerts / result.days
    yield Measure(f"error spikes, {name}: false alerts a series and day", per_day, 0.002, at_most=True, digits=4)


def _calibration(
    name: str,
    sets: Sequence[Sequence[LabelledSeries]],
    judged: Sequence[Sequence[Judged]],
    settings: ErrorSpikeSettings,
) -> Iterator[Measure]:
    for share in SHARES:
        result = _scored(sets, judged, replace(settings, false_share=share))
        observed = result.false_alerts / result.alerts
        ratio = max(observed / share, share / max(observed, 1e-9))
        what = f"error spikes, {name}: {result.false_alerts} of {result.alerts} findings false ({observed:.3f})"
        yield Measure(f"{what}, {share:g} stated: apart by a factor of", ratio, 2.0, at_most=True, digits=2)

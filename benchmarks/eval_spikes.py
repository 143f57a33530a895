"""Error spikes on labelled counts: precision, recall, F1 of events, false alerts per series and day.

An event is a run of labelled buckets; it is found when an episode overlaps it or touches it within one bucket. An
episode that overlaps no event is a false alert.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from eval_measure import Measure

from logpipe_analysis import spikes
from logpipe_analysis.settings import ErrorSpikeSettings
from logpipe_analysis.statistics.episodes import episodes

BUCKETS_PER_DAY = 288


def measure() -> Iterator[Measure]:
    """F1 and false alerts of the synthetic counts."""
    path = Path(os.environ["LOGPIPE_EVAL_DATA"]) / "spikes_counts" / "synthetic_counts.parquet"
    f1, false_alerts = score([frame for _, frame in pd.read_parquet(path).groupby("series")], ErrorSpikeSettings())
    yield Measure("error spikes, `spikes_counts`: event F1", f1, 0.95)
    yield Measure(
        "error spikes, `spikes_counts`: false alerts a series and day", false_alerts, 0.002, at_most=True, digits=4
    )


def score(series: list[pd.DataFrame], settings: ErrorSpikeSettings) -> tuple[float, float]:
    """(F1 of events, false alerts a series and day)."""
    history = settings.history_days * BUCKETS_PER_DAY
    judged = [
        spikes.judge(
            frame["errors"].to_numpy(np.float64),
            frame["requests"].to_numpy(np.float64),
            history=history,
            settings=settings,
        )
        for frame in series
    ]
    decided = spikes.decide(judged, range(len(series)), history=history, settings=settings)
    hits = events = alerts = false_alerts = 0
    for frame, found in zip(series, decided, strict=True):
        truth = list(episodes(frame["label"].to_numpy() == 1, 0))
        overlaps = [[t for t in truth if f.start <= t.end and t.start <= f.end] for f in found]
        events += len(truth)
        hits += len({t.start for o in overlaps for t in o})
        alerts += len(found)
        false_alerts += sum(not o for o in overlaps)
    precision, recall = (alerts - false_alerts) / max(alerts, 1), hits / events
    days = sum(len(frame) for frame in series) / BUCKETS_PER_DAY
    return 2 * precision * recall / (precision + recall), false_alerts / days

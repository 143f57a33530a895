"""Error spikes on labelled counts: precision, recall, F1 of events, false alerts per series and day.

    LOGPIPE_EVAL_DATA=... python benchmarks/eval_spikes.py

An event is a run of labelled buckets; it is found when an episode overlaps it or touches it within one bucket. An
episode that overlaps no event is a false alert.
"""

import os
import time
from pathlib import Path

import numpy as np
import pandas as pd

from logpipe_analysis.settings import ErrorSpikeSettings
from logpipe_analysis.statistics import counts

BUCKETS_PER_DAY = 288
_SHARES = (0.1, 0.01, 0.005, 0.001)


def main() -> None:
    path = Path(os.environ["LOGPIPE_EVAL_DATA"]) / "spikes_counts" / "synthetic_counts.parquet"
    series = [frame for _, frame in pd.read_parquet(path).groupby("series")]
    started = time.perf_counter()
    for share in _SHARES:
        print(f"q={share:<6}", score(series, ErrorSpikeSettings(false_share=share)))
    each_ms = (time.perf_counter() - started) / len(_SHARES) / len(series) * 1000
    print(f"{each_ms:.1f} ms a series of {len(series[0])} buckets")


def score(series: list[pd.DataFrame], settings: ErrorSpikeSettings) -> str:
    history = settings.history_days * BUCKETS_PER_DAY
    observed = [frame["errors"].to_numpy(np.float64) for frame in series]
    judged = [
        counts.excess(
            errors,
            frame["requests"].to_numpy(np.float64),
            history=history,
            min_history=settings.min_history_buckets,
            windows=settings.windows,
            cap_quantile=settings.cap_quantile,
        )
        for frame, errors in zip(series, observed, strict=True)
    ]
    cutoff = counts.benjamini_hochberg(np.concatenate([one.p_values.ravel() for one in judged]), settings.false_share)
    hits = events = alerts = false_alerts = 0
    delays: list[int] = []
    for frame, errors, one in zip(series, observed, judged, strict=True):
        truth = list(counts.episodes(frame["label"].to_numpy() == 1, 0))
        hot = counts.surging(
            one,
            errors,
            windows=settings.windows,
            p_value=cutoff,
            own_p_value=settings.own_p_value,
            min_count=settings.min_errors,
            min_ratio=settings.min_ratio,
        )
        found = list(counts.episodes(hot, settings.max_gap_buckets))
        overlaps = [[t for t in truth if f.start <= t.end and t.start <= f.end] for f in found]
        delays += [f.start - o[0].start for f, o in zip(found, overlaps, strict=True) if o]
        events += len(truth)
        hits += len({t.start for o in overlaps for t in o})
        alerts += len(found)
        false_alerts += sum(not o for o in overlaps)
    precision, recall = (alerts - false_alerts) / max(alerts, 1), hits / events
    days = sum(len(frame) for frame in series) / BUCKETS_PER_DAY
    return (
        f"F1 {2 * precision * recall / (precision + recall):.3f}  precision {precision:.3f}  recall {recall:.3f} "
        f"of {events}  false alerts {false_alerts / days:.4f} per series and day  onset within a bucket "
        f"{np.mean(np.abs(delays) <= 1):.3f}"
    )


if __name__ == "__main__":
    main()

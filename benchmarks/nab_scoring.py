"""The score of the Numenta Anomaly Benchmark, standard profile (Lavin and Ahmad 2015, NAB 1.1).

In a window the earliest alert counts, by a sigmoid from 1 at the window's beginning to 0 at its end; a window without
one costs 1. Each alert outside costs up to 0.11, less the nearer it follows a window. The first 15 % of a file, at
most 750 rows, are not judged. Of all files together: 0 is who never alerts, 100 who alerts when each window begins.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_FALSE_ALERT = 0.11
_PROBATION_SHARE = 0.15
_PROBATION_ROWS = 750


@dataclass(frozen=True, slots=True)
class Series:
    """One file."""

    name: str
    """group/file.csv, as in the benchmark."""
    times: Floats
    """Seconds since 1970."""
    values: Floats
    windows: list[tuple[int, int]]
    """First and last row of each anomaly."""

    @property
    def group(self) -> str:
        return self.name.partition("/")[0]


def load(folder: Path) -> list[Series]:
    """The files of the benchmark that are there."""
    labels = json.loads((folder / "combined_windows.json").read_text())
    return [_series(folder, name, windows) for name, windows in labels.items() if (folder / name).exists()]


def _series(folder: Path, name: str, windows: list[list[str]]) -> Series:
    frame = pd.read_csv(folder / name, parse_dates=["timestamp"])
    times = frame["timestamp"]
    rows = [tuple(int(np.flatnonzero(times == pd.Timestamp(edge))[0]) for edge in window) for window in windows]
    seconds = (times - pd.Timestamp(0)) / pd.Timedelta(seconds=1)
    return Series(name, seconds.to_numpy(), frame["value"].to_numpy(np.float64), [(a, b) for a, b in rows])


def raw_score(series: Series, alerts: Bools) -> float:
    """What the alerts of one file, one flag a row, earn and cost."""
    rows = len(series.values)
    judged = np.arange(rows) >= min(int(_PROBATION_SHARE * rows), _PROBATION_ROWS)
    alerts = alerts & judged
    outside, total = np.full(rows, -_FALSE_ALERT), 0.0
    for first, last in series.windows:
        position = np.arange(rows)
        after = position > last
        outside[after] = _FALSE_ALERT * _sigmoid((position[after] - last) / (last - first))
        worth = _sigmoid((position - last - 1) / (last - first + 1)) / _sigmoid(np.array(-1.0))
        inside = (position >= first) & ~after
        if (inside & judged).any():
            total += float(worth[inside & alerts].max(initial=-1.0))
    for first, last in series.windows:
        outside[first : last + 1] = 0.0
    return total + float(outside[alerts].sum())


def _sigmoid(position: Floats) -> Floats:
    return np.where(position >= 3.0, -1.0, 2.0 / (1.0 + np.exp(5.0 * np.minimum(position, 3.0))) - 1.0)


def score(judged: dict[str, float], every: list[Series]) -> float:
    """0 to 100 of the files in `judged`, raw scores by name."""
    windows = sum(len(series.windows) for series in every if series.name in judged)
    return 100 * (sum(judged.values()) + windows) / (2 * windows)

"""Values at regular times, judged against their own past: how strange is each, beside the strangest before?

A value can be strange in five ways: it, or the mean of the last while, is far from the mean of its history; it, or the
last while, is unlike every value near the same time of the day before and of the week before; the mean has moved. Each
way has its own measure, in the series' own unit, and each measure is compared with nothing but its own record over the
trailing history. So no distribution is assumed and no scale has to be known, which lets one limit fit temperatures,
request counts and prices (as conformal anomaly detection does by ranks, Laxhammar and Falkman 2014; with records the
limit is one on size as well). All is causal: what is said of a value depends on it and those before. Cost: O(values).
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

PAUSE = 80
"""Values after an alarm that raise none."""
_WARM_UP = 30
"""Values without which a measure has no record to be compared with."""
_BLUR = 48
"""Of a day: values that are at most so far from the same time count as of the same time (half an hour)."""
_WHILE = 12
"""Values of the last while."""
_LEVEL = 24
"""Values of each of the two means that show whether it has moved."""


def strangeness(values: Floats, *, day: int, history: int) -> Floats:
    """How strange each value is: 1 is as strange as the strangest of the `history` values before it; 0 where unknown.

    Args:
        values: one at each time, NaN where there is none.
        day: values a day.
        history: values that a record is kept for.
    """
    series = pd.Series(values)
    unlike = pd.Series(_unlike(values, day))
    usual = _mean(series.shift(1), history)
    level = _mean(series, _LEVEL)
    measures = (
        (series - usual).abs(),
        (_mean(series, _WHILE) - usual).abs(),
        unlike,
        _mean(unlike, _WHILE),
        (level - level.shift(_LEVEL)).abs(),
    )
    beside = [_beside_record(np.asarray(measure, dtype=np.float64), history) for measure in measures]
    strangest: Floats = np.max(beside, axis=0)
    return strangest


def _mean(series: "pd.Series[float]", length: int) -> "pd.Series[float]":
    """Of the last `length` values, where there are some."""
    return series.rolling(length, min_periods=min(length // 2, _WARM_UP)).mean()


def _unlike(values: Floats, day: int) -> Floats:
    """The distance to the nearest value at about the same time, a day or a week before; NaN in the first day."""
    blur = max(day // _BLUR, 1)
    nearest = np.full(len(values), np.nan)
    for period in (day, 7 * day):
        for lag in range(max(period - blur, 1), period + blur + 1):
            nearest[lag:] = np.fmin(nearest[lag:], np.abs(values[lag:] - values[:-lag]))
    nearest[:day] = np.nan
    return nearest


def _beside_record(measure: Floats, history: int) -> Floats:
    """Each value over the largest of those before it; 0 while these are too few, or all zero."""
    filled = np.nan_to_num(measure, nan=0.0)
    record = pd.Series(filled).shift(1).rolling(history, min_periods=1).max().to_numpy(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(record > 0, filled / record, 0.0)
    known = np.flatnonzero(filled > 0)
    ratio[: (known[0] if len(known) else len(ratio)) + _WARM_UP] = 0.0
    return ratio


def alarms(strange: Floats, *, limit: float, pause: int = PAUSE) -> list[int]:
    """The positions that are stranger than `limit`; after each, the next `pause` values raise none."""
    raised: list[int] = []
    for position in np.flatnonzero(strange > limit):
        if not raised or position - raised[-1] >= pause:
            raised.append(int(position))
    return raised

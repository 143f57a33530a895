"""Exponential histograms of durations: rows are buckets of time, columns buckets of duration, 8 to the octave.

Column j of a histogram whose lowest bucket is b holds durations in (2^((b+j)/8), 2^((b+j+1)/8)] ms. Logarithms here are
natural, of milliseconds.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LOG_WIDTH = np.log(2.0) / 8.0
"""Width of a bucket in natural logarithms: 9 %."""


def merged(histogram: Floats, factor: int) -> Floats:
    """Every `factor` buckets of time made one; the last may hold fewer."""
    if factor == 1:
        return histogram
    padding = -len(histogram) % factor
    padded = np.pad(histogram, ((0, padding), (0, 0)))
    combined: Floats = padded.reshape(-1, factor, histogram.shape[1]).sum(axis=1)
    return combined


def log_quantile(histogram: Floats, lowest: int, share: float) -> Floats:
    """The quantile of each row in log ms, interpolated in log space within its bucket; NaN for an empty row."""
    cumulative = np.cumsum(histogram, axis=1)
    total = cumulative[:, -1]
    rank = share * total
    column = np.minimum((cumulative < rank[:, None]).sum(axis=1), histogram.shape[1] - 1)
    rows = np.arange(len(histogram))
    inside = histogram[rows, column]
    below = cumulative[rows, column] - inside
    with np.errstate(invalid="ignore", divide="ignore"):
        fraction = np.where(inside > 0, (rank - below) / inside, 0.5)
    return np.where(total > 0, (lowest + column + fraction) * LOG_WIDTH, np.nan)


def log_quantiles(rows: Integers, columns: Integers, counts: Floats, lowest: int, share: float) -> Floats:
    """That of each row that is not empty, in order, by the cells that are not: each a row, a column and a count."""
    width = int(columns.max(initial=0)) + 1
    flat, cell = np.unique(rows * width + columns, return_inverse=True)
    inside = np.bincount(cell, weights=counts, minlength=len(flat))
    flat, inside = flat[inside > 0], inside[inside > 0]
    first = np.flatnonzero(np.diff(flat // width, prepend=-1))
    length = np.diff(np.append(first, len(flat)))
    total = np.cumsum(inside)
    cumulative = total - np.repeat(total[first] - inside[first], length)
    rank = share * cumulative[first + length - 1]
    reached = first + np.add.reduceat(cumulative < np.repeat(rank, length), first, dtype=np.int64)
    fraction = (rank - cumulative[reached] + inside[reached]) / inside[reached]
    return np.asarray((lowest + flat[reached] % width + fraction) * LOG_WIDTH, dtype=np.float64)


def log_mean(histogram: Floats, lowest: int) -> Floats:
    """The mean of the logarithm of the durations of each row; NaN for an empty row."""
    centres = (lowest + np.arange(histogram.shape[1]) + 0.5) * LOG_WIDTH
    total = histogram.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, histogram @ centres / total, np.nan)


def log_of_mean(histogram: Floats, lowest: int) -> Floats:
    """The logarithm of the mean duration of each row, its buckets' middles taken; NaN for an empty row."""
    middles = np.exp((lowest + np.arange(histogram.shape[1]) + 0.5) * LOG_WIDTH)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.log(histogram @ middles / histogram.sum(axis=1)), dtype=np.float64)


def likeliest_split(histogram: Floats, before: Floats, after: Floats) -> int:
    """The row at which the durations turn from the distribution `before` to the distribution `after`.

    Where the summed log-likelihood ratio of the rows from there on is largest; so thin rows count for little.
    """
    prior = (before + after + 1e-9) / float((before + after).sum() + 1e-6)
    ratio = np.log((after + prior) / (after.sum() + 1)) - np.log((before + prior) / (before.sum() + 1))
    gain = histogram @ ratio
    from_here = np.concatenate((np.cumsum(gain[::-1])[::-1], [0.0]))
    return int(np.argmax(from_here))

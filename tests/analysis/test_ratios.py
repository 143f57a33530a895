"""Intervals of ratios hold the truth as often as they say, also where counts scatter and minutes are alike."""

import numpy as np

from logpipe_analysis.statistics.ratios import Resamples, latency_change, rate_change

MINUTES = 40
TAIL = 0.025
TRIALS = 200


def _counts(generator: np.random.Generator, rate: float) -> np.ndarray:
    """Errors of a hundred requests a minute, gamma-Poisson: twice the variance of Poisson's."""
    return generator.poisson(generator.gamma(100 * rate, 1.0, MINUTES)).astype(np.float64)


def test_a_ratio_of_rates_lies_in_its_interval_though_counts_scatter() -> None:
    """In 19 of 20 trials at least, with a few more missed by chance; the difference as well."""
    volume = np.full(MINUTES, 100.0)
    ratios = added = 0
    for seed in range(TRIALS):
        generator = np.random.default_rng(seed)
        change = rate_change((_counts(generator, 0.05), _counts(generator, 0.1)), (volume, volume), TAIL)
        assert change is not None
        ratios += change.ratio.low <= 2 <= change.ratio.high
        added += change.added.low <= 0.05 <= change.added.high
    assert ratios >= 0.92 * TRIALS
    assert added >= 0.92 * TRIALS


def test_one_burst_proves_nothing() -> None:
    """Fifty errors in one minute are one incident, not fifty."""
    calm, burst = np.full(MINUTES, 0.5), np.full(MINUTES, 0.5)
    burst[7] = 50
    change = rate_change((calm, burst), (np.full(MINUTES, 100.0), np.full(MINUTES, 100.0)), TAIL)
    assert change is not None
    assert change.ratio.value > 3
    assert change.ratio.low < 1


def test_from_no_errors_the_ratio_has_a_lower_end_and_no_upper() -> None:
    """Without errors on either side it may be anything, and the difference is small."""
    volume = np.full(MINUTES, 100.0)
    change = rate_change((np.zeros(MINUTES), np.full(MINUTES, 2.0)), (volume, volume), TAIL)
    assert change is not None
    assert change.ratio.low > 10
    assert np.isinf(change.ratio.high)
    none = rate_change((np.zeros(MINUTES), np.zeros(MINUTES)), (volume, volume), TAIL)
    assert none is not None
    assert (none.ratio.low, none.added.high < 0.002) == (0.0, True)
    assert rate_change((np.zeros(2), np.zeros(2)), (np.zeros(2), np.ones(2)), TAIL) is None


def test_a_ratio_of_quantiles_lies_in_its_interval() -> None:
    """Durations 30 % longer, whose level wanders from minute to minute."""

    def histogram(generator: np.random.Generator, factor: float) -> np.ndarray:
        level = 100 * factor * np.exp(0.05 * generator.normal(size=(MINUTES, 1)))
        ms = level * np.exp(0.4 * generator.normal(size=(MINUTES, 60)))
        bucket = np.clip(np.ceil(8 * np.log2(ms)) - 1, 0, 119).astype(int)
        return np.array([np.bincount(row, minlength=120) for row in bucket]).astype(np.float64)

    hits = 0
    for seed in range(TRIALS):
        generator = np.random.default_rng(seed)
        draws = [Resamples(MINUTES, seed), Resamples(MINUTES, seed + TRIALS)]
        rows = [one.histograms(histogram(generator, factor)) for one, factor in zip(draws, (1.0, 1.3), strict=True)]
        ratio, _, _ = latency_change(rows[0], rows[1], 0, 0.95, (draws[0].blocks, draws[1].blocks), TAIL)
        hits += ratio.low <= 1.3 <= ratio.high
    assert hits >= 0.92 * TRIALS

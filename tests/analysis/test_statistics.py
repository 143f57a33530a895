"""The judges of series keep what they promise on series whose truth is known."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpipe_analysis.forecast import crossing
from logpipe_analysis.statistics import change_points, counts, histograms, intervals, ramps, seasons
from logpipe_analysis.statistics.episodes import episodes
from logpipe_analysis.statistics.steps import steps
from logpipe_analysis.statistics.trends import Trend, trend
from logpipe_analysis.statistics.wander import wander


def _steps(series: npt.NDArray[np.float64]) -> list[int]:
    return change_points.change_points(series, alpha=1e-4, min_effect=0.75, min_length=5)


@given(st.lists(st.booleans(), max_size=60), st.integers(0, 5))
def test_episodes_hold_every_flag_and_lie_apart(flags: list[bool], gap: int) -> None:
    """Each raised flag is in exactly one episode; episodes begin and end with one, more than the gap apart."""
    found = list(episodes(np.array(flags, dtype=bool), gap))
    inside = [index for episode in found for index in range(episode.start, episode.end)]
    assert {index for index, flag in enumerate(flags) if flag} <= set(inside)
    assert all(flags[episode.start] and flags[episode.end - 1] for episode in found)
    assert all(later.start - earlier.end > gap for earlier, later in pairwise(found))


def test_a_past_incident_does_not_raise_the_bar() -> None:
    """The second of two equal spikes is about as improbable as the first."""
    generator = np.random.default_rng(1)
    errors = generator.poisson(2, 400).astype(float)
    errors[[200, 201, 202, 300, 301, 302]] = 40
    judged = counts.excess(
        errors, np.full(400, 100.0), history=300, min_history=30, windows=(1, 3, 6), cap_quantile=0.975
    )
    assert np.isnan(judged.p_values[:, :30]).all()
    assert judged.p_values[0, 300] < 1e-8
    assert judged.expected[300] == pytest.approx(2, abs=0.6)


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.8])
def test_a_wandering_series_has_no_steps(phi: float) -> None:
    """Autocorrelation is not taken for steps: at most one in forty series, as generous as alpha is strict."""
    generator = np.random.default_rng(2)
    false = 0
    for _ in range(40):
        noise = generator.normal(size=300)
        series = np.zeros(300)
        for index in range(1, 300):
            series[index] = phi * series[index - 1] + noise[index]
        false += bool(_steps(series))
    assert false <= (0 if phi == 0 else 2)


@pytest.mark.parametrize("length", [8, 40, 150])
def test_a_rise_that_comes_back_is_found_at_both_ends(length: int) -> None:
    """Short or long, the level before and after being the same."""
    series = np.random.default_rng(3).normal(size=600)
    series[300 : 300 + length] += 5
    found = _steps(series)
    assert found == pytest.approx([300, 300 + length], abs=1)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30), st.floats(0.01, 0.98))
def test_a_quantile_lies_within_the_histogram_and_grows_with_its_share(column: list[int], share: float) -> None:
    """Nothing is known of an empty row; else the value lies between the outer bounds."""
    row = np.array([column], dtype=float)
    [value] = histograms.log_quantile(row, -5, share)
    if not row.any():
        assert np.isnan(value)
        return
    assert -5 * histograms.LOG_WIDTH <= value <= (len(column) - 5) * histograms.LOG_WIDTH
    assert value <= histograms.log_quantile(row, -5, share + 0.01)[0] + 1e-12


def test_merging_keeps_every_event() -> None:
    """Whatever the factor, also where it does not divide the length."""
    histogram = np.random.default_rng(4).poisson(3, (101, 7)).astype(float)
    for factor in (1, 2, 5, 60):
        assert histograms.merged(histogram, factor).sum(axis=0) == pytest.approx(histogram.sum(axis=0))


@pytest.mark.parametrize("length", [60, 200])
def test_a_ramp_is_told_from_a_step_and_its_corner_found(length: int) -> None:
    """The onset is near although the rise begins with nothing."""
    generator = np.random.default_rng(5)
    positions = np.arange(500)
    noise, weights = generator.normal(0, 0.06, 500), np.ones(500)
    ramp = np.log(3) * np.clip((positions - 200) / length, 0, 1) + noise
    step = np.log(3) * (positions >= 200) + noise
    fitted = ramps.fit_ramp(ramp, weights)
    assert fitted.onset == pytest.approx(200, abs=4)
    assert ramps.is_gradual(ramp, fitted, ramps.step_residual(ramp, weights), alpha=1e-3)
    flat = ramps.fit_ramp(step, weights)
    assert flat.top - flat.onset < 5


def test_a_trend_needs_more_than_a_wander() -> None:
    """Mann-Kendall's test finds the slope of a noisy line and none in autocorrelated noise."""
    generator = np.random.default_rng(6)
    line = 0.02 * np.arange(200) + generator.normal(size=200)
    assert trend(line).p_value < 1e-6
    assert trend(line).slope == pytest.approx(0.02, abs=0.005)
    wander = np.convolve(generator.normal(size=240), np.ones(40) / 40, mode="valid")
    assert trend(wander).p_value > 1e-3


def _wandering(generator: np.random.Generator, count: int, phi: float) -> npt.NDArray[np.float64]:
    series = generator.normal(size=count)
    for index in range(1, count):
        series[index] = phi * series[index - 1] + np.sqrt(1 - phi**2) * series[index]
    return series


def test_a_wander_under_white_noise_is_not_taken_for_steps() -> None:
    """The lag-1 correlation of such a mixture is small, and the means of its stretches stray all the same."""
    generator = np.random.default_rng(7)
    false = sum(bool(_steps(generator.normal(size=400) + _wandering(generator, 400, 0.9))) for _ in range(30))
    assert false <= 3


def test_a_wander_is_told_from_white_noise_and_steps_are_no_wander() -> None:
    """The mean of many independent values is sure, also beside a step; that of as many wandering ones is not."""
    generator = np.random.default_rng(8)
    white = generator.normal(size=500)
    assert wander(white).independent_share(100, 100) > 0.5
    assert wander(white + 5 * (np.arange(500) > 250)).independent_share(100, 100) > 0.5
    assert wander(_wandering(generator, 500, 0.9)).independent_share(100, 100) < 0.2


def _placed(series: npt.NDArray[np.float64]) -> list[int]:
    phases = np.arange(len(series)) % 24
    return steps(
        series, phases, level_window=73, alpha=1e-4, min_effect=0.75, min_length=5, hampel_window=7, hampel_limit=4.0
    ).found


def test_a_step_is_placed_under_a_season_and_outliers() -> None:
    """Nine of ten steps of two deviations lie within three values of the truth, and no series has a second one."""
    generator = np.random.default_rng(9)
    season = np.sin(2 * np.pi * np.arange(336) / 24)
    season[np.arange(336) % 24 == 3] += 3
    near = 0
    for _ in range(30):
        series = season + generator.normal(size=336) + 2.0 * (np.arange(336) >= 150)
        series[generator.random(336) < 0.01] += 10
        found = _placed(series)
        assert len(found) == 1
        near += abs(found[0] - 150) <= 3
    assert near >= 27


def test_a_slope_has_an_interval_that_holds_it() -> None:
    """Sen's interval covers the true slope about nineteen times in twenty, also when the noise wanders."""
    generator = np.random.default_rng(10)
    covered = 0
    for _ in range(60):
        judged = trend(0.05 * np.arange(80) + _wandering(generator, 80, 0.5))
        covered += judged.low <= 0.05 <= judged.high
    assert covered >= 51


def test_known_correlations_widen_a_trend_test() -> None:
    """What is known of the noise makes the same order more likely by chance, never less."""
    values = 0.03 * np.arange(60) + np.random.default_rng(11).normal(size=60)
    assert trend(values, 0.9 ** np.arange(1.0, 60)).p_value > trend(values).p_value


def test_a_climb_and_a_step_explain_themselves_best() -> None:
    """Either shape leaves less of its own series than the other does, and the corner is near."""
    generator = np.random.default_rng(12)
    positions, noise, weights = np.arange(200), generator.normal(0, 0.1, 200), np.ones(200)
    climb = 0.01 * np.maximum(positions - 120, 0) + noise
    step = 0.5 * (positions >= 120) + noise
    assert ramps.fit_climb(climb, weights).residual < ramps.step_residual(climb, weights)
    assert ramps.fit_climb(climb, weights).onset == pytest.approx(120, abs=12)
    assert ramps.fit_climb(step, weights).residual > ramps.step_residual(step, weights)


def test_the_interval_of_a_ratio_holds_it_and_is_the_same_again() -> None:
    """Seeded; and wider where neighbouring bins are alike than where the same bins lie in any order."""
    generator = np.random.default_rng(13)

    def histogram(middle: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        centres = np.arange(60)
        return generator.poisson(40 * np.exp(-((centres - middle[:, None]) ** 2) / 50)).astype(np.float64)

    def figure(summed: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return histograms.log_quantile(summed, 0, 0.95)

    wave = 3 * _wandering(generator, 200, 0.95)
    before, after = histogram(20 + wave), histogram(28 + wave)
    judged = intervals.spread(before, after, figure)
    assert judged == intervals.spread(before, after, figure)
    assert judged.ratio[0] < 2.0 < judged.ratio[1]
    mixed = generator.permutation(before)
    shuffled = intervals.spread(mixed, after, figure)
    assert judged.before[1] - judged.before[0] > 1.5 * (shuffled.before[1] - shuffled.before[0])


def test_a_limit_is_crossed_when_the_climb_reaches_it() -> None:
    """At 1 % a bucket from 100 to 200 in 69 buckets; nothing where it is passed, or too far."""
    foreseen = crossing(100.0, Trend(np.log(1.01), np.log(1.005), np.log(1.02), 1e-6), 200.0, 500)
    assert foreseen is not None
    assert foreseen.likely == pytest.approx(69.7, abs=0.1)
    assert foreseen.earliest < foreseen.likely < foreseen.latest
    assert crossing(250.0, Trend(0.01, 0.005, 0.02, 1e-6), 200.0, 500) is None
    assert crossing(100.0, Trend(0.01, 0.005, 0.02, 1e-6), 200.0, 50) is None
    unsure = crossing(100.0, Trend(0.01, -0.001, 0.02, 1e-3), 200.0, 500)
    assert unsure is not None
    assert unsure.latest == np.inf


def test_quantiles_of_cells_are_those_of_the_histogram() -> None:
    """Whatever the order of the cells, also where one is told in parts or is empty."""
    rng = np.random.default_rng(11)
    histogram = rng.poisson(0.4, (200, 30)).astype(np.float64)
    rows, columns = np.nonzero(histogram + (rng.random(histogram.shape) < 0.1))
    counted = histogram[rows, columns]
    shuffled = rng.permutation(2 * len(rows))
    found = histograms.log_quantiles(
        np.tile(rows, 2)[shuffled], np.tile(columns, 2)[shuffled], np.tile(counted, 2)[shuffled], -5, 0.95
    )
    expected = histograms.log_quantile(2 * histogram, -5, 0.95)
    assert found.tolist() == expected[~np.isnan(expected)].tolist()


@pytest.mark.parametrize("count", [1, 2, 5, 6, 40])
@pytest.mark.parametrize("window", [1, 5, 7, 30])
def test_a_rolling_median_takes_the_values_that_there_are(count: int, window: int) -> None:
    """Near the ends these are fewer than a window; an even window reaches as far to each side as the next odd one."""
    values = np.random.default_rng(count).normal(size=count)
    half = window // 2
    expected = [float(np.median(values[max(at - half, 0) : at + half + 1])) for at in range(count)]
    assert seasons.rolling_median(values, window) == pytest.approx(expected)

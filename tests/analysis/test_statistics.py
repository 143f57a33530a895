"""The judges of series keep what they promise on series whose truth is known."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpipe_analysis.statistics import change_points, counts, histograms, ramps
from logpipe_analysis.statistics.trends import trend


def _steps(series: npt.NDArray[np.float64]) -> list[int]:
    return change_points.change_points(series, alpha=1e-4, min_effect=0.75, min_length=5)


@given(st.lists(st.booleans(), max_size=60), st.integers(0, 5))
def test_episodes_hold_every_flag_and_lie_apart(flags: list[bool], gap: int) -> None:
    """Each raised flag is in exactly one episode; episodes begin and end with one, more than the gap apart."""
    found = list(counts.episodes(np.array(flags, dtype=bool), gap))
    inside = [index for episode in found for index in range(episode.start, episode.end)]
    assert {index for index, flag in enumerate(flags) if flag} <= set(inside)
    assert all(flags[episode.start] and flags[episode.end - 1] for episode in found)
    assert all(later.start - earlier.end > gap for earlier, later in pairwise(found))


@given(st.lists(st.floats(0, 1), max_size=50), st.floats(0.001, 0.5))
def test_a_smaller_share_of_false_discoveries_allows_no_more(p_values: list[float], share: float) -> None:
    """The cut-off is one of the p values or nothing, and grows with the share."""
    array = np.array(p_values)
    cutoff = counts.benjamini_hochberg(array, share)
    assert cutoff == 0.0 or cutoff in p_values
    assert counts.benjamini_hochberg(array, share / 2) <= cutoff


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

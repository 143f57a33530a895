"""Spikes in series whose truth is known: found, dated, at the stated share of false ones, and without look-ahead."""

import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logpipe.store import Store
from logpipe_analysis import spikes
from logpipe_analysis.analysis import analyze
from logpipe_analysis.settings import ErrorSpikeSettings
from logpipe_analysis.statistics.discoveries import discoveries
from logpipe_analysis.statistics.tails import calibrated

Floats = npt.NDArray[np.float64]
HISTORY = 400
SETTINGS = ErrorSpikeSettings()


def _wandering(generator: np.random.Generator, length: int, level: float) -> Floats:
    """Expected counts whose logarithm is an AR(1) process."""
    wander = np.zeros(length)
    for index in range(1, length):
        wander[index] = 0.98 * wander[index - 1] + generator.normal(0, 0.06)
    return np.asarray(level * np.exp(wander))


def _found(series: Sequence[Floats], chosen: ErrorSpikeSettings = SETTINGS) -> list[list[spikes.Spike]]:
    judged = [partial(spikes.judge, one, np.full(len(one), 100.0), history=HISTORY, settings=chosen) for one in series]
    length = max(map(len, series))
    return spikes.decide(judged, range(len(series)), length=length, history=HISTORY, settings=chosen)


@pytest.mark.parametrize("level", [0.5, 20.0])
def test_a_spike_in_a_wandering_rate_is_found_with_onset_and_end(level: float) -> None:
    """Within a bucket at its beginning and two at its end, and nothing besides."""
    generator = np.random.default_rng(1)
    mean = _wandering(generator, 1000, level)
    mean[700:710] *= 12
    [[spike]] = _found([generator.poisson(mean).astype(float)])
    assert spike.start == pytest.approx(700, abs=1)
    assert spike.end == pytest.approx(710, abs=2)
    assert spike.false_share <= SETTINGS.false_share
    assert mean[700:710].sum() / 40 < spike.expected < mean[700:710].sum() / 4


def test_the_stated_share_of_false_findings_is_kept_in_wandering_series() -> None:
    """Of sixty spikes in series with autocorrelation nearly all are found, and at most twice the share are false."""
    generator = np.random.default_rng(2)
    series = []
    for _ in range(60):
        mean = _wandering(generator, 1500, generator.uniform(0.5, 20)) * generator.gamma(8, 1 / 8, 1500)
        mean[1200:1206] *= 15
        series.append(generator.poisson(mean).astype(float))
    found = _found(series, replace(SETTINGS, false_share=0.1))
    true = [spike for one in found for spike in one if spike.start < 1206 and spike.end > 1200]
    alerts = sum(map(len, found))
    assert len(true) >= 55
    assert (alerts - len(true)) / alerts <= 0.2


@pytest.mark.parametrize("until", [701, 702, 706, 740])
def test_a_stray_error_before_a_spike_is_not_its_onset(until: int) -> None:
    """Neither when the spike has just set in, nor when all of it is known; where errors go on from there, it is."""
    errors = np.zeros(1000)
    errors[60:690:45] = 1
    errors[697], errors[700:715] = 1, 7
    [[spike]] = _found([errors[:until]])
    assert spike.start == 700
    errors[698:700] = 3
    [[spike]] = _found([errors[:until]])
    assert spike.start == 697


@pytest.mark.parametrize("until", [350, 655, 657, 800])
def test_what_is_decided_of_a_bucket_does_not_depend_on_what_follows(until: int) -> None:
    """A series that ends earlier has the same spikes up to there, with the same onsets."""
    generator = np.random.default_rng(3)
    series = [generator.poisson(_wandering(generator, 1000, 5)).astype(float) for _ in range(4)]
    for one, start in zip(series, (340, 500, 650, 790), strict=True):
        one[start : start + 6] += 40
    whole, prefix = _found(series), _found([one[:until] for one in series])
    for spike, earlier in zip(whole, prefix, strict=True):
        assert [one.start for one in spike if one.start < until - 1] == [one.start for one in earlier]


@settings(deadline=None)
@example(values=[1.0, 1 / 128, 5 / 512, 1 / 128, 1 / 128], share=1 / 64, stretch=1)
@given(st.lists(st.floats(1e-9, 1), min_size=5, max_size=40), st.floats(0.01, 0.5), st.integers(1, 60))
def test_a_smaller_share_of_false_findings_allows_no_more(values: list[float], share: float, stretch: int) -> None:
    """What is found with half the share is found with all of it, and is, by its own measure, within the share."""
    smallest = np.array(values)[None, :]
    tests = np.full(len(values), float(stretch))
    loose = discoveries(smallest, tests, share=share, stretch=stretch, max_gap=1)
    strict = discoveries(smallest, tests, share=share / 2, stretch=stretch, max_gap=1)
    found, of_those = smallest[0] <= loose.cutoffs, smallest[0] <= strict.cutoffs
    assert found[of_those].all()
    assert (loose.false_shares[0][found] <= share + 1e-12).all()


def test_spikes_of_one_group_count_once() -> None:
    """Three cells of one service that fail together are one discovery, and do not make room for a doubtful one."""
    smallest = np.ones((2, 50))
    smallest[0, 20], smallest[1, 25] = 1e-9, 1.2e-4
    decided = discoveries(smallest, np.full(50, 1000.0), share=0.1, stretch=50, max_gap=3)
    assert decided.cutoffs[20] == pytest.approx(1e-4)
    assert decided.cutoffs[25] == pytest.approx(2e-4)
    smallest[0, 21:23] = 1e-9
    smallest[1, 25] = 2.5e-4
    decided = discoveries(smallest, np.full(50, 1000.0), share=0.1, stretch=50, max_gap=3)
    assert decided.cutoffs[25] < smallest[1, 25]


def test_an_episode_that_outlasts_the_stretch_is_found_to_its_end() -> None:
    """Its smallest p value counts no more when it is too old; the others, of the stretch, do."""
    smallest = np.ones((1, 80))
    smallest[0, 20:60] = 1e-6
    smallest[0, 20] = 1e-9
    decided = discoveries(smallest, np.full(80, 1000.0), share=0.1, stretch=15, max_gap=3)
    assert decided.cutoffs[20:60].tolist() == [1e-4] * 40
    assert decided.false_shares[0, 20] == pytest.approx(1e-6)
    assert decided.false_shares[0, 35:60] == pytest.approx(1e-3)


def test_judged_series_are_let_go() -> None:
    """There may be thousands, and each is long: of those without a spike one at a time is held."""
    generator = np.random.default_rng(4)
    held: list[weakref.ref[Floats]] = []
    most = 0

    def judged(counts: Floats) -> spikes.Judged:
        nonlocal most
        most = max(most, sum(one() is not None for one in held))
        one = spikes.judge(counts, np.full(len(counts), 100.0), history=HISTORY, settings=SETTINGS)
        held.append(weakref.ref(one.p_values))
        return one

    series = [partial(judged, generator.poisson(5, 1000).astype(float)) for _ in range(10)]
    spikes.decide(series, range(10), length=1000, history=HISTORY, settings=SETTINGS)
    assert len(held) >= 10
    assert most <= 1


def test_a_series_that_often_goes_astray_needs_a_higher_score() -> None:
    """The same score is worth less where the past has had many like it, and what comes later changes nothing."""
    calm, restless = np.zeros(2000), np.zeros(2000)
    calm[20:1900:40], restless[20:1900:40] = 3.5, 7.5
    calm[1950] = restless[1950] = 15.0
    worth = calibrated(calm, calm, 10, 6)[1950], calibrated(restless, restless, 10, 6)[1950]
    assert worth[0] < worth[1] / 5
    assert calibrated(restless[:1000], restless[:1000], 10, 6) == pytest.approx(
        calibrated(restless, restless, 10, 6)[:1000]
    )


@pytest.mark.parametrize("column", ["logger", "message"])
def test_a_logger_or_pattern_that_spikes_among_others_is_found(
    traffic: Callable[..., pd.DataFrame],
    filled: Callable[..., Store],
    at: Callable[[float], datetime],
    column: str,
) -> None:
    """A dozen errors of one logger, or of one pattern, do not show in a service with many others."""

    def rare(minutes: Any) -> Any:
        return np.where((minutes >= 300) & (minutes < 304), 3.5, 0.005)

    common = {"severity": 17, "logger": "shop", "message": "bad request"}
    usual = traffic(1, 400, 12, **common)
    sound = traffic(2, 400, 60, message="request done")
    burst = traffic(3, 400, rare, **{**common, column: "no answer from the till"})
    found = analyze(filled(usual, sound, burst), kinds=["error_spike"]).findings
    [finding] = found
    assert finding.subject == "no answer from the till"
    assert abs(finding.started_at - at(300)) <= timedelta(minutes=1)

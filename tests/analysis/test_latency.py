"""Latencies over days: slow climbs, steps under a daily wave, how sure both are, and what was known at which time."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from logpipe.store import Store
from logpipe_analysis.analysis import analyze
from logpipe_analysis.finding import Finding
from logpipe_analysis.settings import LatencySettings, Settings

Traffic = Callable[..., pd.DataFrame]
Filled = Callable[..., Store]
At = Callable[[float], datetime]

DAY = 1440
BUCKET = timedelta(minutes=10)


def _requests(
    traffic: Traffic, seed: int, days: int, factor: Callable[[Any], Any], hourly: float = 0.0
) -> pd.DataFrame:
    """Three requests a minute with a daily wave, 200 ms times a factor of the day; hours scatter by `hourly`."""

    def duration(when: Any, generator: np.random.Generator) -> Any:
        wave = (1 + 0.1 * np.sin(2 * np.pi * when / DAY)) * np.exp(
            hourly * generator.normal(size=days * 24)[(when // 60).astype(int)]
        )
        return 200 * wave * factor(when / DAY) * np.exp(0.4 * generator.normal(size=len(when)))

    return traffic(seed, days * DAY, 3, http_method="GET", http_route="/search", duration_ms=duration)


def _climbing(days: Any) -> Any:
    return 1.1 ** np.maximum(days - 5, 0)


def _found(store: Store, until: datetime | None = None, **latency: float) -> list[Finding]:
    settings = Settings(bucket=BUCKET, latency=LatencySettings(**latency))  # type: ignore[arg-type] # floats, all
    return analyze(store, until=until, kinds=["latency_shift", "latency_trend"], settings=settings).findings


def test_a_rise_of_ten_per_cent_a_day_is_one_trend_within_three_days(traffic: Traffic, filled: Filled, at: At) -> None:
    """Found under a daily wave, with its pace, its interval and the day on which the limit will be passed."""
    [finding] = _found(filled(_requests(traffic, 1, 8, _climbing)), limit_p95_ms=800.0)
    assert (finding.kind, finding.ended_at) == ("latency_trend", None)
    assert abs(finding.started_at - at(5 * DAY)) < timedelta(days=1)
    assert "95 % interval" in finding.explanation
    assert "% a day" in finding.explanation
    assert "at this pace p95 passes 800 ms in" in finding.explanation


def test_a_step_and_a_climb_of_one_operation_are_the_same_problem(traffic: Traffic, filled: Filled) -> None:
    """What shows as a step on its first day and climbs on its third must stay one finding, with one id."""
    [climb] = _found(filled(_requests(traffic, 1, 8, _climbing)))
    [step] = _found(filled(_requests(traffic, 1, 8, lambda days: 1 + 0.4 * (days >= 5))))
    assert (climb.kind, step.kind) == ("latency_trend", "latency_shift")
    assert climb.fingerprint == step.fingerprint


@pytest.mark.parametrize("seed", [5, pytest.param(6, marks=pytest.mark.long)])
def test_a_climb_is_found_among_hours_that_scatter(traffic: Traffic, filled: Filled, seed: int) -> None:
    """No step stands out where hours differ by more than a day's rise; the order of days does."""
    [finding] = _found(filled(_requests(traffic, seed, 8, _climbing, hourly=0.12)))
    assert finding.kind == "latency_trend"


def test_nothing_is_foreseen_for_a_limit_that_is_far(traffic: Traffic, filled: Filled) -> None:
    """A limit beyond the horizon is not spoken of."""
    [finding] = _found(filled(_requests(traffic, 1, 8, _climbing)), limit_p95_ms=1e6)
    assert "passes" not in finding.explanation


def test_a_step_days_ago_is_a_shift_and_no_trend(traffic: Traffic, filled: Filled, at: At) -> None:
    """One finding, at its hour, although a trend test over the last days would see a rise."""
    [finding] = _found(filled(_requests(traffic, 2, 7, lambda days: 1 + 0.4 * (days >= 5.5))))
    assert finding.kind == "latency_shift"
    assert abs(finding.started_at - at(5.5 * DAY)) <= timedelta(minutes=30)
    assert finding.observed is not None
    assert finding.baseline is not None
    assert finding.observed / finding.baseline == pytest.approx(1.4, abs=0.06)


def test_a_daily_wave_alone_is_nothing(traffic: Traffic, filled: Filled) -> None:
    """Neither the morning's rise nor the week's worth of them."""
    wave = _requests(traffic, 3, 6, lambda days: 1 + 0.3 * np.sin(2 * np.pi * days + 1))
    assert _found(filled(wave)) == []


@pytest.mark.parametrize("factor", [_climbing, lambda days: 1 + 0.4 * (days >= 6)], ids=["climb", "step"])
def test_what_was_found_by_then_does_not_depend_on_what_came_later(
    traffic: Traffic, filled: Filled, at: At, factor: Callable[[Any], Any]
) -> None:
    """Looking until a moment finds what a store finds that ends there, to the letter."""
    events, moment = _requests(traffic, 4, 9, factor), at(7.5 * DAY)
    before = events[events["ts"] < pd.Timestamp(moment)]
    known = _found(filled(before))
    assert len(known) == 1
    assert _found(filled(events), until=moment) == known

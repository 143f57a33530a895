"""Error spikes as findings: how long they last, how severe they are, and that their statement counts what they say."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from logpipe.store import Store
from logpipe_analysis.analysis import analyze
from logpipe_analysis.finding import Finding
from logpipe_analysis.settings import Settings

Traffic = Callable[..., pd.DataFrame]
Filled = Callable[..., Store]
At = Callable[[float], datetime]

MINUTE = timedelta(minutes=1)


def spikes(store: Store, bucket: timedelta = MINUTE) -> list[Finding]:
    """The error spikes that an analysis finds."""
    return analyze(store, kinds=["error_spike"], settings=Settings(bucket=bucket)).findings


def during(since: int, until: int, rate: float, usual: float) -> Callable[[npt.NDArray[Any]], Any]:
    """So many a minute between two minutes, and else as usual."""
    return lambda minutes: np.where((minutes >= since) & (minutes < until), rate, usual)


def failing(traffic: Traffic, seed: int, route: str, per_minute: Any) -> pd.DataFrame:
    """Failed requests of a route."""
    return traffic(seed, 400, per_minute, severity=17, http_method="GET", http_route=route, http_status=500)


def test_an_episode_lasts_until_the_last_of_what_fails_in_it_is_over(traffic: Traffic, filled: Filled, at: At) -> None:
    """A route goes on failing after the one that failed most; among all errors of the service it does not show."""
    sound = traffic(1, 400, 400, http_method="GET", http_route="/", http_status=200)
    noise = failing(traffic, 2, "/noise", 150)
    most = failing(traffic, 3, "/most", during(300, 315, 300, 0.05))
    last = failing(traffic, 4, "/last", during(310, 350, 8, 0.05))
    [finding] = spikes(filled(sound, noise, most, last))
    assert abs(finding.started_at - at(300)) <= MINUTE
    assert finding.ended_at is not None
    assert abs(finding.ended_at - at(350)) <= 3 * MINUTE


@pytest.mark.parametrize("bucket", [MINUTE, timedelta(seconds=20)])
@pytest.mark.parametrize("column", ["http_route", "stream", "logger", "message"])
def test_the_statement_counts_the_very_errors_of_the_sentence(
    column: str, bucket: timedelta, traffic: Traffic, filled: Filled
) -> None:
    """Those of the route, stream, logger or pattern that spikes, and not the service's others beside them."""
    if column == "message" and bucket < MINUTE:
        pytest.skip("patterns are counted by the minute")
    common = {"severity": 17, "logger": "shop", "message": "bad request", "http_route": "/", "http_method": "GET"}
    usual = traffic(1, 200, 12, **common)
    burst = traffic(2, 200, during(150, 158, 9, 0.01), **{**common, column: "till"})
    sound = traffic(3, 200, 60, message="request done", stream="app")
    usual["stream"] = "error"
    burst["stream"] = "till" if column == "stream" else "error"
    store = filled(usual, burst, sound)
    [finding] = spikes(store, bucket)
    assert finding.ended_at is not None
    assert finding.observed is not None
    told = finding.observed * ((finding.ended_at - finding.started_at) / MINUTE)
    [(counted,)] = store.execute(
        f"SELECT sum(errors) FROM ({finding.sql}) WHERE bucket >= ? AND bucket < ?",
        [finding.started_at, finding.ended_at],
    )
    assert counted == pytest.approx(told, abs=0.01)
    assert 60 <= counted <= 85


def test_four_times_the_errors_are_not_critical_in_a_silent_log_either(traffic: Traffic, filled: Filled) -> None:
    """Where time stands for the volume, errors are many times that, and it says nothing."""
    spells = np.random.default_rng(2).random(2000) < 0.6
    more = during(1800, 1830, 8, 0)
    errors = traffic(1, 2000, lambda minutes: np.where(spells, 5.0, 0.0) + more(minutes), severity=17, message="lost")
    [finding] = spikes(filled(errors))
    assert finding.observed is not None
    assert finding.baseline is not None
    assert finding.observed < 5 * finding.baseline
    assert finding.severity == "warning"


def test_an_outage_with_pauses_is_one_finding_at_a_fine_resolution(traffic: Traffic, filled: Filled, at: At) -> None:
    """Seconds of quiet within it, more than a few short buckets, do not end it; nor is it told as minor."""

    def outage(minutes: Any) -> Any:
        return np.where((minutes >= 30) & (minutes < 50) & (minutes % 4 == 2), 60.0, 0.05)

    sound = traffic(1, 70, 120, message="request done")
    down = traffic(2, 70, outage, severity=17, message="no answer")
    [finding] = spikes(filled(sound, down), timedelta(seconds=10))
    assert abs(finding.started_at - at(30)) <= MINUTE
    assert finding.ended_at is not None
    assert abs(finding.ended_at - at(47)) <= MINUTE
    assert finding.severity == "critical"

"""`deploy_regression`: a deployment after which a service is worse, told once and only where nothing else tells it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from logpipe.store import Store
from logpipe_analysis.analysis import analyze

Traffic = Callable[..., pd.DataFrame]
Filled = Callable[..., Store]
At = Callable[[float], datetime]


def _shop(
    traffic: Traffic,
    seed: int,
    *,
    errors: Callable[[Any], Any],
    deployed: float = 120,
    minutes: int = 240,
    per_minute: float = 100,
    **columns: object,
) -> pd.DataFrame:
    """Requests of 1.0, and of 1.1 from `deployed` on; `errors` is the chance of a 500 by the minute."""

    def status(when: Any, generator: np.random.Generator) -> Any:
        return np.where(generator.random(len(when)) < errors(when), 500, 200)

    return traffic(
        seed, minutes, per_minute, http_method="GET", http_route="/", http_status=status,
        version=lambda when, generator: np.where(when >= deployed, "1.1", "1.0"), **columns,
    )  # fmt: skip


def _steady(rate: float) -> Callable[[Any], Any]:
    return lambda when: np.full(len(when), rate)


def _rising(before: float, after: float, at: float = 120) -> Callable[[Any], Any]:
    return lambda when: np.where(when >= at, after, before)


def test_more_errors_than_are_tolerated_are_a_finding_of_the_deployment(
    traffic: Traffic, filled: Filled, at: At
) -> None:
    """Too few for a spike in any minute, and certain over an hour: with both versions, figures and lines."""
    store = filled(_shop(traffic, 1, errors=_rising(0.05, 0.085), per_minute=200))
    [finding] = analyze(store).findings
    assert (finding.kind, finding.service, finding.subject) == ("deploy_regression", "shop", "1.1")
    assert abs(finding.started_at - at(120)) <= timedelta(minutes=1)
    assert finding.ended_at is None
    assert "1.1 is worse than 1.0: errors" in finding.explanation
    assert finding.baseline is not None
    assert finding.observed is not None
    assert 1.5 < finding.observed / finding.baseline < 1.9
    assert finding.evidence
    assert store.execute(finding.sql)


def test_an_outage_that_begins_with_a_deployment_is_the_spike_which_says_so(traffic: Traffic, filled: Filled) -> None:
    """One finding and not two."""
    [finding] = analyze(filled(_shop(traffic, 1, errors=_rising(0.005, 0.3)))).findings
    assert finding.kind == "error_spike"
    assert finding.explanation.endswith("It began with the deployment of 1.1.")


def test_a_shift_of_latency_at_a_deployment_is_told_by_the_shift(traffic: Traffic, filled: Filled) -> None:
    """Which names the deployment already."""

    def slower(when: Any, generator: np.random.Generator) -> Any:
        return 60 * np.exp(0.4 * generator.normal(size=len(when))) * np.where(when >= 120, 2.0, 1.0)

    [finding] = analyze(filled(_shop(traffic, 1, errors=_steady(0.005), duration_ms=slower))).findings
    assert finding.kind == "latency_shift"
    assert "at the deployment of 1.1" in finding.explanation


def test_a_worse_deployment_stays_a_warning_while_it_is_worse(traffic: Traffic, filled: Filled, at: At) -> None:
    """While it is certain, while minutes of chance make it less so, and when a shift tells of it that is small."""
    pause = np.isin(np.arange(240), (127, 128, 129))

    def slower(when: Any, generator: np.random.Generator) -> Any:
        usual = 60 * np.exp(0.35 * generator.normal(size=len(when)))
        return usual * np.where((when >= 120) & ~pause[when.astype(int)], 1.4, 1.0)

    shop = _shop(traffic, 2, errors=_steady(0.002), duration_ms=slower, per_minute=20, minutes=200)
    shop["minute"] = (shop["ts"] - pd.Timestamp(at(0))) // pd.Timedelta(minutes=1)

    def live(since: int, until: int, store: Store | None = None) -> tuple[Store, list[tuple[str, str]]]:
        rows = shop[(shop["minute"] >= since) & (shop["minute"] < until)].drop(columns="minute")
        store = filled(rows, store=store)
        return store, [(one.kind, one.severity) for one in analyze(store).findings if one.status == "open"]

    store, found = live(0, 127)
    assert found == [("deploy_regression", "warning")]
    assert live(0, 128)[1] == []  # who looks now for the first time is not certain
    assert live(127, 128, store)[1] == [("deploy_regression", "warning")]
    assert live(128, 130, store)[1] == [("latency_shift", "warning")]
    assert live(130, 200, store)[1] == [("latency_shift", "warning")]


def test_a_deployment_that_changes_nothing_is_none(traffic: Traffic, filled: Filled) -> None:
    """Whatever wanders by chance."""

    def duration(when: Any, generator: np.random.Generator) -> Any:
        return 60 * np.exp(0.5 * generator.normal(size=len(when)))

    for seed in range(1, 4):
        store = filled(_shop(traffic, seed, errors=_steady(0.02), duration_ms=duration))
        assert analyze(store, kinds=["deploy_regression"]).findings == []


def test_what_happens_every_day_at_that_time_is_not_the_deployment(traffic: Traffic, filled: Filled) -> None:
    """A night's job that makes errors at three is no regression of what was deployed at three."""

    def nightly(when: Any) -> Any:
        return np.where((when % 1440 >= 180) & (when % 1440 < 300), 0.19, 0.1)

    night = _shop(traffic, 1, errors=nightly, deployed=1440 + 180, minutes=1440 + 300, per_minute=40)
    assert analyze(filled(night), kinds=["deploy_regression"]).findings == []


def test_an_incident_before_the_deployment_is_no_baseline(traffic: Traffic, filled: Filled) -> None:
    """Minutes of an error spike are left out, on either side."""

    def outage_then_worse(when: Any) -> Any:
        return np.where((when >= 60) & (when < 75), 0.6, np.where(when >= 120, 0.085, 0.05))

    found = analyze(filled(_shop(traffic, 1, errors=outage_then_worse, per_minute=200))).findings
    assert sorted(finding.kind for finding in found) == ["deploy_regression", "error_spike"]


def test_a_version_that_was_taken_back_ends_its_finding(traffic: Traffic, filled: Filled, at: At) -> None:
    """With its last record, though the one before it is no new version."""
    shop = _shop(traffic, 1, errors=lambda when: np.where((when >= 120) & (when < 180), 0.1, 0.05), per_minute=80)
    shop.loc[shop["ts"] >= pd.Timestamp(at(180)), "version"] = "1.0"
    [finding] = [one for one in analyze(filled(shop)).findings if one.kind == "deploy_regression"]
    assert finding.ended_at is not None
    assert abs(finding.ended_at - at(180)) <= timedelta(minutes=1)
    assert finding.status == "resolved"


def test_a_service_that_only_tells_of_its_deployment_is_judged_by_time(traffic: Traffic, filled: Filled) -> None:
    """An event `deployment` is enough; records need not name their version."""
    shop = _shop(traffic, 1, errors=_rising(0.05, 0.085), per_minute=200).drop(columns="version")
    told = traffic(2, 240, 1, event="deployment", version="2.0").iloc[[120]]
    [finding] = [one for one in analyze(filled(shop, told)).findings if one.kind == "deploy_regression"]
    assert finding.subject == "2.0"


def test_the_past_gives_what_it_gave_then(traffic: Traffic, filled: Filled, at: At) -> None:
    """Nothing is known of what came after the end of the range."""
    shop = _shop(traffic, 1, errors=_rising(0.05, 0.085), per_minute=200)
    until = at(170)
    whole = analyze(filled(shop), until=until, kinds=["deploy_regression"]).findings
    then = analyze(filled(shop[shop["ts"] < pd.Timestamp(until)]), kinds=["deploy_regression"]).findings
    assert [(one.fingerprint, one.explanation) for one in whole] == [(one.fingerprint, one.explanation) for one in then]

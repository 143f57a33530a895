"""Patterns that surge or vanish are found with their time; jobs, busy hours and bursts that recur are not."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from logpipe.store import Store
from logpipe_analysis.analysis import analyze
from logpipe_analysis.finding import Finding, Kind
from logpipe_analysis.pattern_choices import choose

Traffic = Callable[..., pd.DataFrame]
Filled = Callable[..., Store]
At = Callable[[float], datetime]

KINDS: tuple[Kind, ...] = ("error_spike", "new_pattern", "pattern_surge", "pattern_vanished", "silence")


def _numbered(text: str) -> Callable[[Any, np.random.Generator], Any]:
    return lambda when, generator: [text % number for number in generator.integers(0, 10**6, len(when))]


def _found(store: Store, until: datetime | None = None) -> list[Finding]:
    return analyze(store, until=until, kinds=KINDS).findings


@pytest.fixture
def usual(traffic: Traffic) -> pd.DataFrame:
    """Ten hours of a service that goes on."""
    return traffic(1, 600, 40, message=_numbered("request %d done"))


def test_a_pattern_that_surges_is_found_with_its_figures(
    traffic: Traffic, filled: Filled, usual: pd.DataFrame, at: At
) -> None:
    """A warning that comes ten times as often for a quarter of an hour."""
    misses = traffic(
        2, 600, lambda m: np.where((m >= 400) & (m < 415), 20, 2), message=_numbered("cache miss of %d"), severity=13
    )
    [finding] = _found(filled(usual, misses))
    assert (finding.kind, finding.severity, finding.subject) == ("pattern_surge", "warning", "cache miss of <*>")
    assert abs(finding.started_at - at(400)) <= timedelta(minutes=1)
    assert finding.ended_at
    assert abs(finding.ended_at - at(415)) <= timedelta(minutes=1)
    assert finding.baseline == pytest.approx(2, rel=0.2)
    assert finding.observed == pytest.approx(20, rel=0.2)
    assert "cache miss of" in finding.evidence[0].text


def test_what_surges_together_is_one_finding(traffic: Traffic, filled: Filled, usual: pd.DataFrame) -> None:
    """The pattern with the most excess, and how many others."""

    def surging(minutes: Any) -> Any:
        return np.where((minutes >= 400) & (minutes < 415), 20, 2)

    others = [traffic(seed, 600, surging, message=_numbered(f"{name} of %d")) for seed, name in enumerate("abc", 2)]
    [finding] = _found(filled(usual, *others))
    assert "with 2 other patterns" in finding.explanation


@pytest.mark.parametrize("kind", ["busy hour", "hourly job", "others fall silent", "its first burst"])
def test_no_surge(traffic: Traffic, filled: Filled, kind: str) -> None:
    """More of all, what comes again and again, less of the rest, and a pattern just begun are no surges."""
    rates: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
        "busy hour": (lambda m: np.where(m > 400, 200, 40), lambda m: np.where(m > 400, 15, 3)),
        "hourly job": (lambda m: 40 + 0 * m, lambda m: np.where(m % 60 < 5, 40, 1)),
        "others fall silent": (lambda m: np.where((m > 400) & (m < 450), 2, 40), lambda m: 3 + 0 * m),
        "its first burst": (lambda m: 40 + 0 * m, lambda m: np.where((m > 400) & (m < 420), 30, 0)),
    }
    whole, part = rates[kind]
    store = filled(
        traffic(1, 600, whole, message=_numbered("request %d done")), traffic(2, 600, part, message=_numbered("job %d"))
    )
    assert analyze(store, kinds=["pattern_surge"]).findings == []


def test_a_surge_within_an_error_spike_is_told_there(traffic: Traffic, filled: Filled, usual: pd.DataFrame) -> None:
    """One cause, one finding."""
    errors = traffic(
        2, 600, lambda m: np.where((m >= 400) & (m < 415), 20, 0.5), message=_numbered("lost %d"), severity=17
    )
    assert [finding.kind for finding in _found(filled(usual, errors))] == ["error_spike"]


def test_what_was_held_up_by_a_silence_is_no_surge(traffic: Traffic, filled: Filled, usual: pd.DataFrame) -> None:
    """A worker that comes back does all at once what it did not do meanwhile."""
    work = traffic(
        2, 600, lambda m: np.select([(m >= 380) & (m < 440), (m >= 440) & (m < 446)], [0, 40], 4), service="worker",
        message=_numbered("job %d done"),
    )  # fmt: skip
    idle = traffic(3, 600, lambda m: 9.0 * ((m < 380) | (m >= 440)), service="worker", message="looked for jobs")
    assert [finding.kind for finding in _found(filled(usual, work, idle))] == ["silence"]


def test_a_pattern_that_vanished_is_found_while_its_service_goes_on(
    traffic: Traffic, filled: Filled, usual: pd.DataFrame, at: At
) -> None:
    """Since its last event; it lasts."""
    synced = traffic(2, 600, lambda m: 2.0 * (m < 500), message=_numbered("synced %d items"))
    [finding] = _found(filled(usual, synced))
    assert (finding.kind, finding.subject, finding.ended_at) == ("pattern_vanished", "synced <*> items", None)
    assert timedelta(minutes=-5) < finding.started_at - at(500) <= timedelta(minutes=1)
    assert "synced" in finding.evidence[0].text


@pytest.mark.parametrize("kind", ["warning", "silent service", "bursts", "rare"])
def test_nothing_vanished(traffic: Traffic, filled: Filled, usual: pd.DataFrame, kind: str) -> None:
    """A warning that ended, a service that stopped, a job that pauses, and what is too rare to tell."""
    frames = {
        "warning": traffic(2, 600, lambda m: 2.0 * (m < 500), message="slow disk", severity=13),
        "silent service": traffic(2, 600, lambda m: 2.0 * (m < 500), message="tick", service="clock"),
        "bursts": traffic(2, 600, lambda m: 20.0 * ((m % 150) < 30), message=_numbered("row %d")),
        "rare": traffic(2, 600, lambda m: 0.1 * (m < 450), message="hourly"),
    }
    store = filled(usual, frames[kind])
    assert analyze(store, kinds=["pattern_vanished"]).findings == []


def test_a_muted_pattern_makes_no_findings(traffic: Traffic, filled: Filled, usual: pd.DataFrame) -> None:
    """Neither new, nor surging, nor vanished; what was found of it is resolved."""
    store = filled(
        usual,
        traffic(2, 600, lambda m: np.where((m >= 400) & (m < 415), 20, 2), message=_numbered("cache miss of %d")),
        traffic(3, 600, lambda m: 2.0 * (m < 500), message=_numbered("synced %d items")),
        traffic(4, 600, lambda m: 1.0 * (m >= 300), message=_numbered("bad row %d"), severity=13),
    )
    found = _found(store)
    assert {finding.kind for finding in found} == {"pattern_surge", "pattern_vanished", "new_pattern"}
    for finding in found:
        [(pattern_id,)] = store.execute("SELECT pattern_id FROM top_patterns WHERE template = ?", [finding.subject])
        choose(store, pattern_id, "mute")
    assert {finding.status for finding in _found(store)} <= {"resolved"}


def test_what_comes_later_changes_nothing(traffic: Traffic, filled: Filled, at: At) -> None:
    """The analysis of a prefix, and of the whole up to that moment, find the same."""
    names = ("alice", "bob", "carol", "dave", "erin", "frank", "grace")
    frames = [
        traffic(1, 600, 40, message=_numbered("request %d done")),
        traffic(2, 600, lambda m: np.where((m >= 400) & (m < 415), 20, 2), message=_numbered("cache miss of %d")),
        traffic(3, 600, lambda m: 2.0 * (m < 500), message=_numbered("synced %d items")),
        *(
            traffic(
                4 + n, 600, lambda m, n=n: 1.0 * (m >= 300 + 40 * n), message=f"no key for {name} here", severity=13
            )
            for n, name in enumerate(names)
        ),
    ]
    whole = filled(*frames)
    for moment in map(at, (405, 412, 430, 520, 560)):
        whole.execute("DELETE FROM findings")
        part = filled(*(frame[frame["ts"] < pd.Timestamp(moment)] for frame in frames))
        shown = [
            [(one.kind, one.subject, one.started_at, one.ended_at, one.score, one.explanation) for one in found]
            for found in (_found(whole, moment), _found(part, moment))
        ]
        assert shown[0] == shown[1]
        assert shown[0]

"""History replayed: when a finding would have been reported, how long it stayed, what was taken back."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from logpipe.store import Store
from logpipe_analysis import backtest as module
from logpipe_analysis.analysis import adjoining, analyze
from logpipe_analysis.backtest import Fired, Replay, backtest, differences
from logpipe_analysis.finding import Finding
from logpipe_analysis.settings import ErrorSpikeSettings, Settings
from logpipe_analysis.timerange import TimeRange
from tests.analysis.filling import fill
from tests.stores import passing_store

Traffic = Callable[..., pd.DataFrame]
At = Callable[[float], datetime]

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def failing(traffic: Traffic) -> Iterator[Store]:
    """Two hours and a half of a service that fails for ten minutes."""

    def severity(when: Any, generator: np.random.Generator) -> Any:
        odds = np.where((when >= 100) & (when < 110), 0.4, 0.005)
        return np.where(generator.random(len(when)) < odds, 17, 9)

    with passing_store() as store:
        fill(store, traffic(1, 150, 20, severity=severity, message="down"))
        yield store


@pytest.fixture(scope="module")
def replayed(failing: Store) -> Replay:
    """All of it, every quarter of an hour."""
    return _replay(failing)


def _replay(
    store: Store,
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    stride: timedelta = 15 * MINUTE,
    settings: Settings | None = None,
) -> Replay:
    replay = backtest(store, since, until, None, settings, stride=stride)
    assert replay is not None
    return replay


def test_a_finding_is_reported_when_an_analysis_would_have_found_it(failing: Store, replayed: Replay, at: At) -> None:
    """The moment is that of the first `analyze` that finds it, of all that might have run; and so is the end."""
    [fired] = replayed.fired
    first = last = None
    for minute in range(98, 125):
        if last:
            break
        failing.execute("DELETE FROM findings")
        found = analyze(failing, until=at(minute)).findings
        first = first or (at(minute) if found else None)
        last = last or (at(minute) if found and found[0].ended_at else None)
    assert (fired.reported_at, fired.closed_at) == (first, last)
    assert fired.finding.kind == "error_spike"
    assert timedelta() < fired.delay <= 3 * MINUTE
    assert fired.onset == at(100)
    assert not fired.retracted


def test_what_was_told_first_stays_beside_what_is_told_last(failing: Store, replayed: Replay) -> None:
    """As an analysis at the moment of the report says it, and as one at the end does."""
    [fired] = replayed.fired
    [first] = analyze(failing, until=fired.reported_at).findings
    [last] = analyze(failing).findings
    assert (fired.reported.severity, fired.reported.title) == (first.severity, first.title)
    assert (fired.finding.severity, fired.finding.title) == (last.severity, last.title)
    assert fired.reported.explanation != fired.finding.explanation


def test_a_stride_changes_what_it_costs_and_not_what_is_told(failing: Store, at: At) -> None:
    """Every moment, or few of them: the same."""
    bounds = at(95), at(120)
    every, few = _replay(failing, *bounds, stride=MINUTE), _replay(failing, *bounds, stride=20 * MINUTE)
    assert every.fired == few.fired
    assert every.fired
    assert (every.moments, every.analyses) == (26, 26)
    assert few.analyses < 16


def test_nothing_is_stored(failing: Store) -> None:
    """Neither a finding, nor does one that is stored change."""
    analyze(failing, until=None)
    before = failing.execute("SELECT * FROM findings")
    _replay(failing)
    assert failing.execute("SELECT * FROM findings") == before


def test_what_was_known_at_the_beginning_is_no_report(failing: Store, at: At) -> None:
    """Who replays an afternoon is not told of the morning."""
    assert _replay(failing, at(105), at(150)).fired == ()


def test_a_range_without_events_is_none(failing: Store, at: At) -> None:
    """There is nothing to replay."""
    assert backtest(failing, at(200)) is None
    assert backtest(failing, None, at(-10)) is None


def test_two_configurations_are_set_side_by_side(failing: Store, replayed: Replay) -> None:
    """What one reports and the other does not stands alone."""
    deaf = Settings(error_spike=ErrorSpikeSettings(min_errors=1000))
    one, other = replayed, _replay(failing, settings=deaf)
    assert differences(one, other, adjoining(deaf)) == [(one.fired[0], None)]
    assert differences(other, one, adjoining(deaf)) == [(None, one.fired[0])]
    assert differences(one, one, adjoining(deaf)) == [(one.fired[0], one.fired[0])]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, at: At) -> Callable[..., tuple[Fired, ...]]:
    """Replays an hour in which analyses find what a script says: from minute to minute, with onset and end."""

    def finding(name: str, onset: float, end: float | None) -> Finding:
        return Finding(
            kind="error_spike", severity="warning", service=name, environment=None, subject=None, started_at=at(onset),
            ended_at=None if end is None else at(end), baseline=1.0, observed=2.0, unit=None, score=1.0, confidence=1.0,
            title=name, explanation=name, evidence=(), sql="", fingerprint=name,
        )  # fmt: skip

    def replay(
        script: Iterable[tuple[str, float, float, float, float | None]], stride: timedelta = MINUTE
    ) -> tuple[Fired, ...]:
        def as_of(_store: object, until: datetime, *_: object) -> list[Finding]:
            return [finding(name, on, end) for name, first, last, on, end in script if at(first) <= until < at(last)]

        monkeypatch.setattr(module, "as_of", as_of)
        monkeypatch.setattr(module, "mine", lambda _: 0)
        monkeypatch.setattr(module, "extent", lambda *_: TimeRange(at(0), at(60), MINUTE))
        with passing_store() as store:
            return _replay(store, stride=stride).fired

    return replay


def test_what_is_no_longer_found_was_taken_back(scripted: Callable[..., tuple[Fired, ...]], at: At) -> None:
    """An alarm that was open and is gone; and one that comes back is the same again."""
    [gone] = scripted([("shop", 20, 33, 18, None)])
    assert (gone.reported_at, gone.closed_at, gone.retracted) == (at(20), at(33), True)
    assert gone.open_for(at(60)) == 13 * MINUTE
    [back] = scripted([("shop", 20, 33, 18, None), ("shop", 37, 99, 18, None)])
    assert (back.reported_at, back.closed_at, back.retracted) == (at(20), None, False)
    assert back.open_for(at(60)) == 40 * MINUTE


def test_what_has_ended_is_not_taken_back(scripted: Callable[..., tuple[Fired, ...]], at: At) -> None:
    """It was told as over; that a later analysis no longer sees it is no news."""
    [over] = scripted([("shop", 20, 33, 18, None), ("shop", 33, 45, 18, 30)])
    assert (over.closed_at, over.retracted) == (at(33), False)
    assert over.finding.ended_at == at(30)


def test_an_onset_that_moves_is_told_as_first(scripted: Callable[..., tuple[Fired, ...]], at: At) -> None:
    """The delay is that of the first report."""
    [moved] = scripted([("shop", 20, 30, 19, None), ("shop", 30, 99, 15, None)])
    assert (moved.onset, moved.delay, moved.finding.started_at) == (at(19), MINUTE, at(15))


def test_episodes_apart_are_findings_apart(scripted: Callable[..., tuple[Fired, ...]], at: At) -> None:
    """With services that fail in turn, and one that fails twice."""
    script = [("shop", 10, 99, 8, 12), ("api", 12, 99, 11, None), ("shop", 40, 99, 39, None)]
    for stride in (MINUTE, 7 * MINUTE, 60 * MINUTE):
        fired = scripted(script, stride)
        assert [(one.finding.service, one.reported_at) for one in fired] == [
            ("shop", at(10)),
            ("api", at(12)),
            ("shop", at(40)),
        ]

"""Volumes that doubled or halved, beside the same time of the days before; and what only looks like it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from logpipe.store import Store
from logpipe_analysis.analysis import analyze
from logpipe_analysis.finding import Finding

Traffic = Callable[..., pd.DataFrame]
Filled = Callable[..., Store]
At = Callable[[float], datetime]
Rate = Callable[[npt.NDArray[Any]], Any]

DAY = 1440


def rhythm(minutes: npt.NDArray[Any]) -> Any:
    """Events a minute over the day: 5 at night, 15 at noon."""
    return 10 - 5 * np.cos(2 * np.pi * minutes / DAY)


def times(factor: float, since: int, until: int, usual: Rate = rhythm) -> Rate:
    """The usual, times a factor for a while."""
    return lambda minutes: usual(minutes) * np.where((minutes >= since) & (minutes < until), factor, 1.0)


def changes(store: Store) -> list[Finding]:
    """The changes of volume that an analysis finds."""
    return analyze(store, kinds=["volume_change"]).findings


@pytest.mark.parametrize(("factor", "said"), [(2.5, "more events, ×2."), (0.35, "fewer events, ")])
def test_a_volume_that_changed_is_one_finding(
    factor: float, said: str, traffic: Traffic, filled: Filled, at: At
) -> None:
    """With its onset to the minute, its end, and the service that it is of, not each of its streams."""
    since, until = 2 * DAY + 700, 2 * DAY + 820
    [finding] = changes(filled(traffic(1, 3 * DAY, times(factor, since, until), event="search")))
    assert (finding.kind, finding.service, finding.subject) == ("volume_change", "shop", None)
    assert abs(finding.started_at - at(since)) <= timedelta(minutes=2)
    assert finding.ended_at is not None
    assert abs(finding.ended_at - at(until)) <= timedelta(minutes=10)
    assert finding.observed is not None
    assert finding.baseline is not None
    assert finding.observed / finding.baseline == pytest.approx(factor, rel=0.25)
    assert said in finding.title
    assert "mostly search" in finding.explanation
    assert finding.evidence


def test_a_stream_that_changed_alone_is_named(traffic: Traffic, filled: Filled) -> None:
    """The service as a whole has hardly changed."""
    web = traffic(1, 3 * DAY, 40)
    audit = traffic(2, 3 * DAY, times(3, 2 * DAY + 300, 2 * DAY + 400, lambda minutes: 4.0), stream="audit")
    [finding] = changes(filled(web, audit))
    assert finding.subject == "audit"


def test_what_lasts_is_open_and_a_day_later_it_is_usual(traffic: Traffic, filled: Filled, at: At) -> None:
    """One finding, which ends when the same time of the day before was as busy."""
    since = 2 * DAY + 600
    store = filled(traffic(1, 4 * DAY, times(3, since, 9 * DAY)))
    [early] = analyze(store, until=at(since + 180), kinds=["volume_change"]).findings
    assert (early.status, early.ended_at) == ("open", None)
    [late] = changes(store)
    assert late.ended_at is not None
    assert abs(late.ended_at - at(since + DAY)) <= timedelta(minutes=60)


def test_what_happens_every_day_and_what_is_over_soon_is_no_change(traffic: Traffic, filled: Filled) -> None:
    """A job of each night, known from the first; ten minutes of many events; the rhythm of the day."""
    nightly = traffic(1, 4 * DAY, lambda minutes: np.where(minutes % DAY // 60 == 3, 90, 10))
    burst = traffic(2, 4 * DAY, times(9, 3 * DAY + 400, 3 * DAY + 410), service="api")
    assert changes(filled(nightly, burst)) == []


def test_a_weekend_is_known_once_one_was_seen(traffic: Traffic, filled: Filled) -> None:
    """The data begin on a Monday; from Friday's to Saturday's volume it is a third, as the week before."""

    def week(minutes: npt.NDArray[Any]) -> Any:
        return rhythm(minutes) * np.where(minutes // DAY % 7 >= 5, 0.3, 1.0)

    found = changes(filled(traffic(1, 14 * DAY, week)))
    assert all(finding.started_at.day < 5 + 7 for finding in found)


def test_errors_and_silences_are_told_elsewhere(traffic: Traffic, filled: Filled) -> None:
    """Error records do not count, and what has stopped is no halved volume."""
    failing = traffic(1, 3 * DAY, times(5, 2 * DAY + 300, 2 * DAY + 400), severity=17)
    sound = traffic(2, 3 * DAY, 20)
    stopped = traffic(3, 3 * DAY, times(0, 2 * DAY + 300, 2 * DAY + 400), service="worker")
    assert changes(filled(failing, sound, stopped)) == []


def test_the_first_day_is_learning(traffic: Traffic, filled: Filled) -> None:
    """Nobody knows yet what a day is like: nothing is found, and a note says so."""
    analysis = analyze(filled(traffic(1, 1200, times(4, 600, 700))), kinds=["volume_change"])
    assert analysis.findings == []
    assert any(note.startswith("volumes of shop: still learning") for note in analysis.notes)


def test_nothing_depends_on_what_comes_later(traffic: Traffic, filled: Filled, at: At) -> None:
    """A look at the beginning of the data finds what was found when there was no more."""
    events = traffic(1, 3 * DAY, times(2.5, 2 * DAY + 700, 2 * DAY + 820), message="m")
    whole = filled(events)
    for minutes in (2 * DAY + 720, 2 * DAY + 753, 2 * DAY + 900):
        whole.execute("DELETE FROM findings")
        before = analyze(whole, until=at(minutes), kinds=["volume_change"]).findings
        then = analyze(filled(events[events["ts"] < at(minutes)]), until=at(minutes), kinds=["volume_change"]).findings
        assert [replace(one, evidence=()) for one in before] == [replace(one, evidence=()) for one in then]
        assert bool(before) == (minutes > 2 * DAY + 730)

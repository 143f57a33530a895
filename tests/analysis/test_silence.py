"""Heartbeats: what comes at regular intervals is missed when a few beats are."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from logpipe.store import Store
from logpipe_analysis.analysis import analyze
from logpipe_analysis.finding import Finding

Traffic = Callable[..., pd.DataFrame]
Filled = Callable[..., Store]
At = Callable[[float], datetime]


def beating(at: At, every: int, minutes: int, stopped: tuple[int, int]) -> pd.DataFrame:
    """A heartbeat, some seconds late now and then, that is not there for a while."""
    late = np.random.default_rng(7).random(minutes // every) * 30
    beats = [(at(each), extra) for each, extra in zip(range(0, minutes, every), late, strict=False)]
    frame = pd.DataFrame({"ts": [when + timedelta(seconds=extra) for when, extra in beats]})
    frame["severity"], frame["level"], frame["stream"], frame["service"] = 9, "INFO", "app", "worker"
    frame["event"] = "heartbeat"
    return frame[(frame["ts"] < at(stopped[0])) | (frame["ts"] >= at(stopped[1]))]


def silences(store: Store, until: datetime | None = None) -> list[Finding]:
    """The silences that an analysis finds."""
    return analyze(store, until=until, kinds=["silence"]).findings


@pytest.mark.parametrize(("every", "minutes"), [(5, 600), (15, 900), (60, 3000)])
def test_a_heartbeat_that_stops_is_missed_within_five_beats(
    every: int, minutes: int, traffic: Traffic, filled: Filled, at: At
) -> None:
    """It is found while it lasts, from its last beat on; not yet after two beats."""
    stopped = minutes * 3 // 4 // every * every + 1
    store = filled(traffic(1, minutes, 5), beating(at, every, minutes, (stopped, minutes)))
    assert silences(store, at(stopped + 2 * every)) == []
    [finding] = silences(store, at(stopped + 5 * every))
    assert (finding.service, finding.status) == ("worker", "open")
    assert at(stopped) - finding.started_at <= timedelta(minutes=every)


def test_a_heartbeat_that_comes_back_has_an_end(traffic: Traffic, filled: Filled, at: At) -> None:
    """The finding is of the gap."""
    [finding] = silences(filled(traffic(1, 3000, 5), beating(at, 60, 3000, (2000, 2400))))
    assert (finding.status, finding.ended_at) == ("resolved", at(2400))


def test_what_comes_at_random_is_no_heartbeat(traffic: Traffic, filled: Filled) -> None:
    """As many events as a heartbeat of ten minutes has, at any time: its gaps are chance."""
    assert silences(filled(traffic(1, 4000, 5), traffic(2, 4000, 0.1, service="mail", event="sent"))) == []


@pytest.mark.parametrize("minutes", [1810, 2000, 2230, 2500])
def test_nothing_depends_on_what_comes_later(minutes: int, traffic: Traffic, filled: Filled, at: At) -> None:
    """A look at the beginning of the data finds what was found when there was no more."""
    events = pd.concat([traffic(1, 3000, 5), beating(at, 60, 3000, (1801, 2400)), traffic(2, 2200, 3, service="api")])
    before = silences(filled(events), at(minutes))
    then = silences(filled(events[events["ts"] < at(minutes)]), at(minutes))
    assert [replace(one, evidence=()) for one in before] == [replace(one, evidence=()) for one in then]

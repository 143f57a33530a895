"""What came steadily and stopped; and heartbeats, which are missed when a few beats are."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from logpipe.store import Store
from logpipe_analysis.analysis import analyze
from logpipe_analysis.buckets import Buckets
from logpipe_analysis.detectors import silence
from logpipe_analysis.finding import Finding
from logpipe_analysis.settings import Settings
from logpipe_analysis.timerange import TimeRange
from tests.analysis.conftest import START

Traffic = Callable[..., pd.DataFrame]
Filled = Callable[..., Store]
At = Callable[[float], datetime]

DAY = 1440


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
    """The finding is of the gap, and is told as one that is over; while it lasts, as one that goes on."""
    store = filled(traffic(1, 3000, 5), beating(at, 60, 3000, (2000, 2400)))
    [lasting] = silences(store, at(2390))
    assert lasting.title == f"worker: nothing since {lasting.started_at:%H:%M}"
    assert lasting.explanation.endswith("; it has not come back.")
    [finding] = silences(store)
    assert (finding.status, finding.ended_at) == ("resolved", at(2400))
    assert finding.title == "worker: nothing 09:01–16:00"
    assert finding.explanation.startswith("worker: nothing 09:01–16:00, for 6 h 59 min, where ")
    assert "since" not in finding.explanation


def test_what_stopped_within_a_service_is_named(traffic: Traffic, filled: Filled, at: At) -> None:
    """It did not come, while the service went on; with the day where the gap ends on another."""
    beats = beating(at, 60, 3000, (2000, 2900)).assign(service="shop")
    [finding] = silences(filled(traffic(1, 3000, 5), traffic(2, 3000, 5, service="web"), beats))
    assert finding.title == "shop: no event heartbeat 09:01–2026-01-07 01:00"


def test_what_comes_at_random_is_no_heartbeat(traffic: Traffic, filled: Filled) -> None:
    """As many events as a heartbeat of ten minutes has, at any time: its gaps are chance."""
    assert silences(filled(traffic(1, 4000, 5), traffic(2, 4000, 0.1, service="mail", event="sent"))) == []


def test_nothing_depends_on_what_comes_later(traffic: Traffic, filled: Filled, at: At) -> None:
    """A look at the beginning of the data finds what was found when there was no more."""
    events = pd.concat([traffic(1, 3000, 5), beating(at, 60, 3000, (1801, 2400)), traffic(2, 2200, 3, service="api")])
    whole = filled(events)
    for minutes in (1810, 2000, 2230, 2500):
        whole.execute("DELETE FROM findings")
        before = silences(whole, at(minutes))
        then = silences(filled(events[events["ts"] < at(minutes)]), at(minutes))
        assert [replace(one, evidence=()) for one in before] == [replace(one, evidence=()) for one in then]


@pytest.fixture
def counted() -> Iterator[Callable[..., Buckets]]:
    """Makes buckets of events a minute by service: long histories, without a row for each event."""
    opened = []

    def make(event: str | None = None, **services: npt.NDArray[Any]) -> Buckets:
        store = Store.open(":memory:")
        opened.append(store)
        frames = []
        for name, events in services.items():
            at = np.flatnonzero(events)
            minutes = pd.Timestamp(START) + pd.to_timedelta(at, unit="min")
            frames.append(pd.DataFrame({"minute": minutes, "service": name, "events": events[at]}))
        rows = pd.concat(frames)
        with store.transaction() as connection:
            connection.register("counted", rows)
            connection.execute(
                "INSERT INTO rollup_minute BY NAME "
                "SELECT *, 9 AS severity, 0 AS bytes, ?::VARCHAR AS operation, "
                "CASE WHEN operation IS NOT NULL THEN 'event' END AS operation_kind FROM counted",
                [event],
            )
            connection.unregister("counted")
        length = max(map(len, services.values()))
        return Buckets(store, TimeRange(START, START + timedelta(minutes=length), timedelta(minutes=1)))

    yield make
    for store in opened:
        store.close()


def found(buckets: Buckets) -> list[Finding]:
    """The silences in these buckets."""
    return silence.detect(buckets, Settings().silence)


def steady(seed: int, length: int, since: int = 0, until: int | None = None) -> npt.NDArray[Any]:
    """Twenty events a minute between two minutes."""
    events = np.random.default_rng(seed).poisson(20, length)
    events[:since] = events[length if until is None else until :] = 0
    return events


@pytest.mark.parametrize("days", [0.5, 1.9, 2, 2.1, 3, 5, 9])
def test_what_stays_dead_stays_told(days: float, counted: Callable[..., Buckets], at: At) -> None:
    """However long the gap grows: the days before it are those that it is compared with, not its own."""
    stopped = 5 * DAY
    length = stopped + int(days * DAY)
    [finding] = found(counted(dead=steady(1, length, until=stopped), web=steady(2, length), api=steady(3, length)))
    assert (finding.service, finding.started_at, finding.ended_at) == ("dead", at(stopped), None)


@pytest.mark.parametrize("born", [0, 2, 6, 8])
def test_a_service_that_came_later_falls_silent_too(born: int, counted: Callable[..., Buckets], at: At) -> None:
    """Its history is its own: what was before its first event says nothing of how steady it is."""
    stopped, length = 10 * DAY, 10 * DAY + 60
    young = steady(1, length, since=born * DAY, until=stopped)
    [finding] = found(counted(young=young, web=steady(2, length), api=steady(3, length)))
    assert (finding.service, finding.started_at) == ("young", at(stopped))


def test_a_job_of_hours_is_done_and_not_silent(counted: Callable[..., Buckets]) -> None:
    """It came once, for less than a day, into a store of days."""
    length = 10 * DAY
    job = steady(1, length, since=8 * DAY, until=8 * DAY + 600)
    assert found(counted(job=job, web=steady(2, length), api=steady(3, length))) == []


def test_a_weekend_is_silent_once(counted: Callable[..., Buckets]) -> None:
    """The data begin on a Monday; the second weekend is as the first."""
    length = 15 * DAY
    office = np.where(np.arange(length) // DAY % 7 < 5, steady(1, length), 0)
    [finding] = found(counted(office=office, web=steady(2, length), api=steady(3, length)))
    assert finding.started_at.day == START.day + 5


@pytest.mark.parametrize("loss", [0.03, 0.06, 0.1])
def test_a_heartbeat_that_loses_single_beats_is_silent_when_it_misses_more(
    loss: float, counted: Callable[..., Buckets], at: At
) -> None:
    """Three or four misses in a row come by chance within weeks; two hours without a beat do not."""
    length, stopped, workers = 14 * DAY, 13 * DAY, 12
    generator = np.random.default_rng(5)
    beats = {}
    for number in range(workers):
        beats[f"worker{number}"] = np.zeros(length, dtype=np.int64)
        beats[f"worker{number}"][::5] = generator.random(length // 5) >= loss
    beats["worker0"][stopped : stopped + 120] = 0
    [finding] = found(counted(event="beat", **beats, web=steady(2, length)))
    assert finding.service == "worker0"
    assert abs(finding.started_at - at(stopped)) <= timedelta(minutes=15)


def test_among_many_services_one_that_stops_is_found(counted: Callable[..., Buckets], at: At) -> None:
    """Also where there are more than are compared with each other, and it is one of the smallest."""
    length, stopped = 600, 500
    services = {f"web{number}": steady(number, length) for number in range(60)}
    small = np.minimum(steady(99, length, until=stopped), 2)
    [finding] = found(counted(**services, small=small))
    assert (finding.service, finding.started_at, finding.ended_at) == ("small", at(stopped), None)

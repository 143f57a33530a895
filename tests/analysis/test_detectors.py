"""Each detector finds what it is for, with its onset, and leaves alone what looks like it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from logpipe.store import Store
from logpipe_analysis.analysis import analyze
from logpipe_analysis.finding import Finding
from logpipe_analysis.settings import Settings

Traffic = Callable[..., pd.DataFrame]
Filled = Callable[..., Store]
At = Callable[[float], datetime]
Column = Callable[[Any, np.random.Generator], Any]


def _slower(median_ms: float, factor: Callable[[Any], Any]) -> Column:
    return lambda when, generator: median_ms * np.exp(0.5 * generator.normal(size=len(when))) * factor(when)


def _either(condition: Callable[[Any], Any], inside: float, outside: float, yes: int, no: int) -> Column:
    """`yes` with the odds `inside` where the condition holds, else with the odds `outside`."""

    def choose(when: Any, generator: np.random.Generator) -> Any:
        return np.where(generator.random(len(when)) < np.where(condition(when), inside, outside), yes, no)

    return choose


def _only(store: Store, bucket: timedelta = timedelta(minutes=1)) -> Finding:
    [finding] = analyze(store, settings=Settings(bucket=bucket)).findings
    return finding


def _near(moment: datetime | None, truth: datetime, minutes: float = 2) -> bool:
    return moment is not None and abs(moment - truth) <= timedelta(minutes=minutes)


def test_an_outage_is_one_spike_that_names_its_cause(traffic: Traffic, filled: Filled, at: At) -> None:
    """One finding for all that failed together, with onset, end, operation and exception."""

    def down(when: Any) -> Any:
        return (when >= 200) & (when < 212)

    failing = traffic(
        1, 300, 30, http_method="POST", http_route="/checkout", message="no answer from payments",
        http_status=_either(down, 0.4, 0.002, 500, 200),
    )  # fmt: skip
    failing.loc[failing["http_status"] == 500, "severity"] = 17
    failing.loc[failing["http_status"] == 500, "exception_type"] = "ConnectTimeout"
    sound = traffic(2, 300, 60, http_method="GET", http_route="/", http_status=200, severity=9)
    finding = _only(filled(failing, sound))
    assert (finding.kind, finding.service, finding.subject) == ("error_spike", "shop", "POST /checkout")
    assert _near(finding.started_at, at(200))
    assert _near(finding.ended_at, at(212))
    assert "mostly ConnectTimeout" in finding.explanation
    assert finding.severity == "critical"
    assert all("ConnectTimeout" in example.text for example in finding.evidence)


def test_more_errors_through_more_traffic_are_no_spike(traffic: Traffic, filled: Filled) -> None:
    """The rate counts, not the number: ten times the traffic brings ten times the errors."""
    severity = _either(lambda when: when < 0, 0.05, 0.05, 17, 9)
    crowd = traffic(1, 300, lambda minutes: np.where((minutes >= 200) & (minutes < 230), 300, 30), severity=severity)
    assert analyze(filled(crowd)).findings == []


def test_a_spike_of_responses_without_a_level_counts(traffic: Traffic, filled: Filled, at: At) -> None:
    """Responses from 500 on are errors, in an access log too."""
    status = _either(lambda when: (when >= 100) & (when < 108), 0.5, 0.003, 503, 200)
    access = traffic(1, 200, 40, stream="access", severity=0, level=None, http_method="GET", http_status=status)
    finding = _only(filled(access))
    assert finding.kind == "error_spike"
    assert _near(finding.started_at, at(100))


def test_short_buckets_find_a_short_outage(traffic: Traffic, filled: Filled, at: At) -> None:
    """Ten minutes of data hold enough buckets of ten seconds."""
    severity = _either(lambda when: (when >= 7) & (when < 8), 0.5, 0.005, 17, 9)
    finding = _only(filled(traffic(1, 10, 300, severity=severity)), timedelta(seconds=10))
    assert finding.kind == "error_spike"
    assert _near(finding.started_at, at(7), minutes=0.4)


def test_a_query_that_turns_slow_is_found_with_its_worst_execution(traffic: Traffic, filled: Filled, at: At) -> None:
    """Before and after, the share of the database's time, and the slowest statement as evidence."""
    slow = traffic(
        1, 300, 30, stream="performance", db_statement="SELECT * FROM orders WHERE customer_id = 7",
        duration_ms=_slower(3, lambda when: np.where((when >= 180) & (when < 260), 30, 1)),
    )  # fmt: skip
    steady = traffic(2, 300, 30, stream="performance", db_statement="SELECT 1", duration_ms=_slower(2, np.ones_like))
    finding = _only(filled(slow, steady))
    assert (finding.kind, finding.subject) == ("slow_query", "select * from orders where customer_id = ?")
    assert _near(finding.started_at, at(180))
    assert _near(finding.ended_at, at(260))
    assert finding.baseline is not None
    assert finding.observed is not None
    assert 20 < finding.observed / finding.baseline < 40
    assert "customer_id = 7" in finding.evidence[0].text


def test_queries_behind_a_lock_are_one_finding_from_when_they_began(traffic: Traffic, filled: Filled, at: At) -> None:
    """What waited is logged when the lock is gone; the onset is when it began to wait."""
    queries = traffic(1, 60, 60, stream="performance", db_statement="SELECT 1", duration_ms=_slower(2, np.ones_like))
    waiting = queries["ts"].between(pd.Timestamp(at(40)), pd.Timestamp(at(43)))
    queries.loc[waiting, "duration_ms"] = (pd.Timestamp(at(43)) - queries["ts"]).dt.total_seconds() * 1000
    queries.loc[waiting, "ts"] = pd.Timestamp(at(43.01))
    finding = _only(filled(queries))
    assert finding.kind == "slow_query"
    assert _near(finding.started_at, at(40))
    assert _near(finding.ended_at, at(43))


def test_a_step_is_put_down_to_the_deployment_it_came_with(traffic: Traffic, filled: Filled, at: At) -> None:
    """A shift, not a trend, and named with the version that was first seen then."""
    requests = traffic(
        1, 400, 40, http_method="GET", http_route="/search",
        duration_ms=_slower(80, lambda when: 1 + 0.6 * (when >= 250)),
        version=lambda when, generator: np.where(when >= 250, "2.4.0", "2.3.1"),
    )  # fmt: skip
    finding = _only(filled(requests))
    assert (finding.kind, finding.subject, finding.ended_at) == ("latency_shift", "GET /search", None)
    assert _near(finding.started_at, at(250))
    assert "at the deployment of 2.4.0" in finding.explanation


@pytest.mark.parametrize("by_factor", [True, False], ids=["by a factor", "by an amount"])
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
def test_a_creeping_latency_is_a_trend_from_its_onset(
    traffic: Traffic, filled: Filled, at: At, by_factor: bool, seed: int
) -> None:
    """One trend, not a stair of shifts, and its onset within minutes although it begins with next to nothing."""

    def creeping(when: Any) -> Any:
        risen = np.clip((when - 200) / 120, 0, 1)
        return 3**risen if by_factor else 1 + 2 * risen

    finding = _only(
        filled(traffic(seed, 400, 100, http_method="GET", http_route="/", duration_ms=_slower(50, creeping)))
    )
    assert finding.kind == "latency_trend"
    assert _near(finding.started_at, at(200), minutes=4)


def test_a_slow_spell_within_an_outage_is_not_reported_beside_it(traffic: Traffic, filled: Filled) -> None:
    """Requests that time out are slow as well; the outage says it all."""

    def down(when: Any) -> Any:
        return (when >= 200) & (when < 220)

    requests = traffic(
        1, 300, 40, http_method="GET", http_route="/", severity=_either(down, 0.6, 0.003, 17, 9),
        duration_ms=_slower(50, lambda when: np.where(down(when), 8, 1)),
    )  # fmt: skip
    assert _only(filled(requests)).kind == "error_spike"


def test_a_new_exception_is_found_among_known_ones(traffic: Traffic, filled: Filled, at: At) -> None:
    """A pattern never seen before is reported, one that was always there is not; numbers do not make it new."""

    def message(when: Any, generator: np.random.Generator) -> Any:
        return [f"order {number} has no address" for number in generator.integers(0, 10**6, len(when))]

    sound = traffic(1, 400, 60, message="request done")
    known = traffic(2, 400, 0.3, severity=17, exception_type="ValueError", message=message)
    fresh = traffic(
        3, 400, lambda minutes: 0.3 * (minutes >= 300), severity=17, exception_type="KeyError", message=message
    )
    [finding] = analyze(filled(sound, known, fresh), kinds=["new_pattern"]).findings
    assert finding.subject == "KeyError: order <*> has no address"
    assert _near(finding.started_at, fresh["ts"].iloc[0].floor("us"), minutes=0)
    assert finding.started_at >= at(300)


def test_an_error_from_before_the_range_is_not_new(traffic: Traffic, filled: Filled) -> None:
    """The range may be shorter than what the store holds."""
    seen = traffic(1, 400, 60, message="request done")
    returned = traffic(
        2, 400, lambda minutes: 5.0 * ((minutes < 5) | (minutes >= 300)), severity=17, message="no stock"
    )
    store = filled(seen, returned)
    assert analyze(store, kinds=["new_pattern"], settings=Settings(max_buckets=200)).findings == []
    store.execute(
        "DELETE FROM pattern_cells WHERE minute < (SELECT min(minute) + INTERVAL 5 MINUTE FROM pattern_minute)"
    )
    store.execute("DELETE FROM analyses")
    assert len(analyze(store, kinds=["new_pattern"], settings=Settings(max_buckets=200)).findings) == 1


def test_a_new_error_that_comes_and_goes_with_an_outage_belongs_to_it(traffic: Traffic, filled: Filled) -> None:
    """One finding, which says that the error is new."""
    sound = traffic(1, 300, 60, message="request done", severity=_either(np.isnan, 0, 0.003, 17, 9))
    burst = traffic(
        2, 300, lambda minutes: 20.0 * ((minutes >= 200) & (minutes < 210)), severity=17, exception_type="OSError",
        message="no route to host",
    )  # fmt: skip
    finding = _only(filled(sound, burst))
    assert finding.kind == "error_spike"
    assert "message was never logged before." in finding.explanation


def test_a_stream_that_stops_is_found_and_resolved_when_it_returns(traffic: Traffic, filled: Filled, at: At) -> None:
    """The widest thing that stopped, from the minute after its last event, while the rest goes on."""
    web = traffic(1, 400, 30)
    business = traffic(
        2, 400, lambda minutes: 10 * ((minutes < 200) | (minutes >= 240)), stream="business", event="order_placed"
    )
    finding = _only(filled(web, business))
    assert (finding.kind, finding.subject, finding.status) == ("silence", "business", "resolved")
    assert _near(finding.started_at, at(200), minutes=1)
    assert _near(finding.ended_at, at(240), minutes=1)


def test_a_quiet_night_a_finished_job_and_the_end_of_the_data_are_no_silence(traffic: Traffic, filled: Filled) -> None:
    """Rare in the night, gone as planned, or over for all: none of these has fallen silent."""
    night = traffic(1, 600, lambda minutes: np.where((minutes > 200) & (minutes < 400), 0.3, 20))
    follower = traffic(2, 600, lambda minutes: np.where((minutes > 200) & (minutes < 400), 0.05, 5), service="mail")
    job = traffic(3, 600, lambda minutes: 30 * ((minutes > 200) & (minutes < 240)), service="backup")
    assert analyze(filled(night, follower, job)).findings == []

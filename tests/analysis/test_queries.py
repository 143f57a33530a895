"""Queries that are new, and queries that a request repeats."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from logpipe.store import Store
from logpipe_analysis.analysis import analyze
from logpipe_analysis.settings import NPlusOneSettings, Settings

Traffic = Callable[..., pd.DataFrame]
Filled = Callable[..., Store]
At = Callable[[float], datetime]


def _taking(median_ms: float) -> Callable[[Any, np.random.Generator], Any]:
    return lambda when, generator: median_ms * np.exp(0.3 * generator.normal(size=len(when)))


def _rate(per_minute: float, first: float, last: float = 1e9) -> Callable[[Any], Any]:
    return lambda minutes: per_minute * ((minutes >= first) & (minutes < last))


@pytest.fixture
def known(traffic: Traffic) -> pd.DataFrame:
    """Five hours of queries that were always there."""
    return traffic(1, 300, 30, db_statement="SELECT 1", duration_ms=_taking(5), stream="performance")


def test_a_new_query_is_told_with_its_share(known: pd.DataFrame, traffic: Traffic, filled: Filled, at: At) -> None:
    """From its first execution on; what it takes of the database's time is 30 × 20 of 30 × 5 + 30 × 20 ms."""
    fresh = traffic(2, 300, _rate(30, 200), db_statement="SELECT * FROM carts WHERE id = 7", duration_ms=_taking(20))
    [finding] = analyze(filled(known, fresh), kinds=["new_query"]).findings
    assert (finding.subject, finding.severity, finding.ended_at) == (
        "select * from carts where id = ?",
        "warning",
        None,
    )
    assert finding.started_at == at(200)
    assert finding.observed == pytest.approx(30, rel=0.1)
    told = re.search(r"took 6\d s, (\d+)% of the database time", finding.explanation)
    assert told is not None
    assert 77 <= int(told[1]) <= 83
    assert "carts WHERE id = 7" in finding.evidence[0].text


def test_a_young_service_is_told_by_its_own_past(traffic: Traffic, filled: Filled) -> None:
    """Never before is counted from its first query, not from the first event of other services."""
    older = traffic(1, 900, 5, service="older", message="fine")
    known = traffic(2, 900, _rate(30, 600), db_statement="SELECT 1", duration_ms=_taking(5))
    fresh = traffic(3, 900, _rate(30, 750), db_statement="SELECT 2 FROM b", duration_ms=_taking(20))
    [finding] = analyze(filled(older, known, fresh), kinds=["new_query"]).findings
    assert "never in the 2 h 30 min before" in finding.explanation


def test_new_queries_that_begin_together_are_one_finding(known: pd.DataFrame, traffic: Traffic, filled: Filled) -> None:
    """That of a deployment, which it names; the query with the most time speaks."""
    version = {"version": lambda when, generator: np.where(when >= 200, "2.0", "1.9")}
    many = traffic(2, 300, _rate(10, 200), db_statement="SELECT a", duration_ms=_taking(20), **version)
    few = traffic(3, 300, _rate(10, 201), db_statement="SELECT b", duration_ms=_taking(5), **version)
    before = traffic(4, 300, 5, **version)
    [finding] = analyze(filled(known, many, few, before), kinds=["new_query"]).findings
    assert finding.subject == "select a"
    assert "at the deployment of 2.0" in finding.explanation
    assert "1 more began with it" in finding.explanation


def test_rare_light_and_early_queries_are_not_new(known: pd.DataFrame, traffic: Traffic, filled: Filled) -> None:
    """One that is rare may always have been there; one that takes no time matters to nobody; early all are new."""
    rare = traffic(2, 300, _rate(0.05, 200), db_statement="SELECT rare", duration_ms=_taking(900))
    light = traffic(3, 300, _rate(3, 200), db_statement="SELECT light", duration_ms=_taking(0.5))
    early = traffic(4, 300, _rate(30, 20), db_statement="SELECT early", duration_ms=_taking(20))
    assert analyze(filled(known, rare, light, early), kinds=["new_query"]).findings == []


def test_a_new_query_that_stops_is_over(known: pd.DataFrame, traffic: Traffic, filled: Filled, at: At) -> None:
    """An hour without it, and its end is the bucket after the last."""
    fresh = traffic(2, 300, _rate(30, 150, 180), db_statement="SELECT b", duration_ms=_taking(20))
    [finding] = analyze(filled(known, fresh), kinds=["new_query"]).findings
    assert (finding.started_at, finding.ended_at) == (at(150), at(180))


def test_a_query_that_turns_up_in_a_log_of_slow_ones_turned_slow(traffic: Traffic, filled: Filled, at: At) -> None:
    """Such a log, as PostgreSQL's, holds nothing of the query's faster past."""
    rare = traffic(1, 300, 0.3, db_statement="SELECT rare", duration_ms=_taking(400), service="postgresql")
    slow = traffic(2, 300, _rate(4, 200), db_statement="SELECT slow", duration_ms=_taking(300), service="postgresql")
    web = traffic(3, 300, 20, http_method="GET", http_route="/")
    [finding] = analyze(filled(rare, slow, web), kinds=["slow_query"]).findings
    assert (finding.service, finding.subject, finding.ended_at) == ("postgresql", "select slow", None)
    assert abs(finding.started_at - at(200)) <= timedelta(minutes=1)
    assert "were expected" in finding.explanation


def test_a_log_of_slow_queries_does_not_tell_which_are_new(traffic: Traffic, filled: Filled) -> None:
    """A query turns up there when it turns slow, however long it has been run; a service that logs all has new ones."""
    for service, fastest_ms, subjects in (("postgresql", 400, []), ("shop", 4, ["select fresh"])):
        usual = traffic(1, 300, 5, db_statement="SELECT usual", duration_ms=_taking(fastest_ms), service=service)
        late = traffic(2, 300, _rate(4, 200), db_statement="SELECT fresh", duration_ms=_taking(300), service=service)
        found = analyze(filled(usual, late), kinds=["new_query"]).findings
        assert [finding.subject for finding in found] == subjects


def _load(traffic: Traffic, per_minute: Callable[[Any], Any], seed: int = 1) -> pd.DataFrame:
    return traffic(seed, 300, per_minute, http_method="GET", http_route="/", version=_version)


def _version(when: Any, _: np.random.Generator) -> Any:
    return np.where(when >= 200, "2.0", "1.9")


def test_a_query_that_grew_in_number_is_told_per_request(traffic: Traffic, filled: Filled, at: At) -> None:
    """From one to five times a request, with the deployment it came with; the other query stays as it was."""
    grown = traffic(
        2, 300, lambda minutes: np.where(minutes >= 200, 150, 30), db_statement="SELECT items", duration_ms=_taking(4)
    )
    steady = traffic(3, 300, 30, db_statement="SELECT orders", duration_ms=_taking(4))
    store = filled(_load(traffic, lambda minutes: 30 + 0 * minutes), grown, steady)
    [finding] = analyze(store, kinds=["query_surge"]).findings
    assert (finding.subject, finding.ended_at, finding.unit) == ("select items", None, "queries/request")
    assert abs(finding.started_at - at(200)) <= timedelta(minutes=1)
    assert finding.baseline == pytest.approx(1, rel=0.1)
    assert finding.observed == pytest.approx(5, rel=0.1)
    assert "since the deployment of 2.0" in finding.explanation
    rows = store.execute(finding.sql)
    assert np.median([float(runs) for *_, runs in rows[-60:]]) == pytest.approx(5, rel=0.2)


def test_a_query_that_grows_with_the_requests_is_no_surge(traffic: Traffic, filled: Filled) -> None:
    """Five times the load, five times the queries."""

    def load(minutes: Any) -> Any:
        return np.where(minutes >= 200, 150, 30)

    queries = traffic(2, 300, load, db_statement="SELECT items", duration_ms=_taking(4))
    assert analyze(filled(_load(traffic, load), queries), kinds=["query_surge"]).findings == []


def test_the_queries_of_a_worker_are_not_judged(traffic: Traffic, filled: Filled) -> None:
    """There are no requests to measure them by."""
    jobs = traffic(1, 300, 30, event="job")
    grown = traffic(2, 300, lambda m: np.where(m >= 200, 150, 30), db_statement="SELECT a", duration_ms=_taking(4))
    assert analyze(filled(jobs, grown), kinds=["query_surge"]).findings == []


def test_a_growth_that_was_undone_is_over(traffic: Traffic, filled: Filled, at: At) -> None:
    """Between the two deployments."""
    grown = traffic(
        2, 300, lambda m: np.where((m >= 150) & (m < 200), 120, 30), db_statement="SELECT items", duration_ms=_taking(4)
    )
    [finding] = analyze(filled(_load(traffic, lambda m: 30 + 0 * m), grown), kinds=["query_surge"]).findings
    assert finding.status == "resolved"
    assert finding.ended_at is not None
    assert abs(finding.started_at - at(150)) <= timedelta(minutes=1)
    assert abs(finding.ended_at - at(200)) <= timedelta(minutes=3)


def _requests(
    at: At, each: Callable[[int], list[str]], requests: int = 100, apart_s: float = 30, **columns: object
) -> pd.DataFrame:
    """Requests of GET /orders, each with its own queries, all within a second."""
    rows = []
    for number in range(requests):
        begun = at(0) + timedelta(seconds=number * apart_s)
        common = {"request_id": f"r{number}", "service": "shop", "severity": 9, "level": "INFO", **columns}
        rows.append({**common, "ts": begun, "http_method": "GET", "http_route": "/orders", "stream": "app"})
        rows += [
            {**common, "ts": begun + timedelta(milliseconds=run), "db_statement": sql, "duration_ms": 4.0}
            for run, sql in enumerate(each(number))
        ]
    return pd.DataFrame(rows)


def _items(count: int) -> list[str]:
    return [f"SELECT * FROM items WHERE order_id = {number}" for number in range(count)]


def test_a_query_repeated_by_each_request_is_found(filled: Filled, at: At) -> None:
    """With the route that does it, how often, and what it takes together."""
    store = filled(_requests(at, lambda number: ["SELECT * FROM orders", *_items(20 + number % 3)]))
    [finding] = analyze(store, kinds=["n_plus_one"]).findings
    assert (finding.subject, finding.observed, finding.unit) == (
        "select * from items where order_id = ?",
        21.0,
        "queries/request",
    )
    assert "GET /orders runs" in finding.explanation
    assert "21 times (at most 22), 84 ms together, in 100 requests of 50 min;" in finding.explanation
    assert (finding.started_at, finding.ended_at) == (at(0), None)
    rows = store.execute(finding.sql)
    assert sum(requests for _, requests, _ in rows) == 100
    assert len(finding.evidence) == 5


@pytest.mark.parametrize(
    "each",
    [
        lambda number: _items(9),
        lambda number: [f"SELECT * FROM table_{chr(97 + one)}" for one in range(20)],
        lambda number: ["INSERT INTO items VALUES (1)"] * 20,
        lambda number: _items(20) if number < 4 else _items(1),
    ],
    ids=["too few", "all different", "writes", "in four requests only"],
)
def test_what_is_no_repetition_is_not_found(filled: Filled, at: At, each: Callable[[int], list[str]]) -> None:
    """Ten of the same SELECT in five requests are the least."""
    assert analyze(filled(_requests(at, each)), kinds=["n_plus_one"]).findings == []


def test_queries_without_a_request_are_not_looked_at(filled: Filled, at: At) -> None:
    """There is nothing to tell what belongs together."""
    assert (
        analyze(filled(_requests(at, lambda number: _items(20), request_id=None)), kinds=["n_plus_one"]).findings == []
    )


def test_a_repetition_that_was_mended_is_over(filled: Filled, at: At) -> None:
    """When the last request that did it was over."""
    store = filled(_requests(at, lambda number: _items(20 if number < 100 else 1), requests=300))
    [finding] = analyze(store, kinds=["n_plus_one"]).findings
    assert finding.status == "resolved"
    assert finding.ended_at is not None
    assert at(49.5) < finding.ended_at < at(50)


def test_a_repetition_of_some_minutes_is_told_as_such(filled: Filled, at: At) -> None:
    """Hours without it came before, and after."""
    store = filled(_requests(at, lambda number: _items(20 if 240 <= number < 280 else 1), requests=500))
    [finding] = analyze(store, kinds=["n_plus_one"]).findings
    assert finding.ended_at is not None
    assert (finding.started_at, finding.ended_at - at(140) < timedelta(minutes=1)) == (at(120), True)


def test_of_many_queries_the_newest_are_looked_at(filled: Filled, at: At) -> None:
    """The onset is that of the roll-up: the hour from which on requests ran it so often."""
    store = filled(_requests(at, lambda number: _items(20 if number >= 360 else 1), requests=600))
    settings = Settings(n_plus_one=NPlusOneSettings(max_queries=1000))
    [finding] = analyze(store, kinds=["n_plus_one"], settings=settings).findings
    assert finding.observed == 20
    assert "in 50 requests of 25 min" in finding.explanation
    assert finding.started_at == at(180)

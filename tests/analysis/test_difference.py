"""What two ranges differ in is told with its size and support; chance and bursts are not."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from logpipe.errors import QueryError
from logpipe.store import Store
from logpipe_analysis.difference import Comparison, compare
from logpipe_analysis.patterns import mine
from logpipe_analysis.settings import DifferenceSettings
from logpipe_analysis.sides import Scope, Stretch
from logpipe_analysis.statistics import shares
from logpipe_analysis.statistics.discoveries import adjusted

Traffic = Callable[..., pd.DataFrame]
Filled = Callable[..., Store]
At = Callable[[float], datetime]
Column = Callable[[Any, np.random.Generator], Any]


def _mixed(first: float, odds: float, value: str, otherwise: str) -> Column:
    """A column that holds `value` with these odds from minute `first` on."""
    return lambda when, generator: np.where((when >= first) & (generator.random(len(when)) < odds), value, otherwise)


def _told(found: Comparison, *, certain: bool = True) -> dict[tuple[tuple[str, str], ...], bool]:
    return {one.values: one.more_in_a for one in found.differences if one.certain is certain}


@pytest.fixture
def halves(at: At) -> Callable[[Store], Comparison]:
    """Compares the second hour of the data with the first."""
    return lambda store: compare(store, Stretch(at(60), at(120)), Stretch(at(0), at(60)))


def test_a_new_value_is_told_with_its_support(
    traffic: Traffic, filled: Filled, halves: Callable[[Store], Comparison]
) -> None:
    """Its rows and shares are counted exactly; the interval is about the ratio; nothing else differs."""
    frame = traffic(1, 120, 30, host=_mixed(60, 0.2, "b", "a"), user_id=_mixed(0, 0.5, "u1", "u2"))
    found = halves(filled(frame))
    late = frame[frame["ts"] >= frame["ts"].iloc[0].floor("h") + pd.Timedelta(hours=1)]
    one = next(one for one in found.differences if one.values == (("host", "b"),))
    assert _told(found) == {(("host", "b"),): True}
    assert one.rows == ((late["host"] == "b").sum(), 0)
    assert one.share == pytest.approx(((late["host"] == "b").mean(), 0.0))
    assert 1 < one.low < one.ratio < one.high
    assert found.rows == (len(late), len(frame) - len(late))


def test_values_of_the_same_rows_are_one_difference(
    traffic: Traffic, filled: Filled, halves: Callable[[Store], Comparison]
) -> None:
    """The exception speaks, and names level and message as of the same events."""
    failing = traffic(2, 60, 5, severity=17, exception_type="Gone", message="order 17 is gone")
    failing["ts"] += pd.Timedelta(hours=1)
    found = halves(filled(traffic(1, 120, 30, message="fine"), failing))
    assert list(_told(found)) == [(("exception_type", "Gone"),)]
    also = found.differences[0].also
    assert {("message", "Gone: order <*> is gone"), ("level", "ERROR"), ("stream", "error")} <= set(also)


def test_messages_are_told_as_the_patterns_that_are_listed(
    traffic: Traffic, filled: Filled, halves: Callable[[Store], Comparison]
) -> None:
    """Merged, where they were counted; a template as it stands."""
    names = ("ann", "ben", "cleo", "dora", "eve", "finn", "gus", "hanna")
    late = [
        traffic(2, 60, 5, message=lambda when, _: [f"login of {names[n % 8]} was refused" for n in range(len(when))]),
        traffic(3, 60, 5, template="retry %s of 3", message="retry 2 of 3"),
    ]
    for frame in late:
        frame["ts"] += pd.Timedelta(hours=1)
    store = filled(traffic(1, 120, 30, message="fine"), *late)
    mine(store)
    assert set(_told(halves(store))) == {
        (("message", "login of <*> was refused"),), (("message", "retry %s of 3"),)
    }  # fmt: skip


def test_a_flood_does_not_make_everything_else_rarer(
    traffic: Traffic, filled: Filled, halves: Callable[[Store], Comparison]
) -> None:
    """The share of all else falls to a quarter, but not how much of it comes a minute."""
    flood = traffic(2, 60, 100, event="retry", message="again")
    flood["ts"] += pd.Timedelta(hours=1)
    base = traffic(1, 120, 30, host=_mixed(0, 0.5, "b", "a"), event="sold", message="sold")
    found = halves(filled(base, flood))
    assert [(one.values[0], one.more_in_a) for one in found.differences] == [(("message", "again"), True)]


def test_a_pair_is_told_where_it_says_more_than_its_values(
    traffic: Traffic, filled: Filled, halves: Callable[[Store], Comparison]
) -> None:
    """One version on one host: both are more frequent, together they are far more so."""

    def version(when: Any, generator: np.random.Generator) -> Any:
        return np.where(generator.random(len(when)) < np.where(when >= 60, 0.3, 0.1), "2", "1")

    frame = traffic(1, 120, 60, version=version, host="a")
    chance = np.random.default_rng(5).random(len(frame))
    late = frame["ts"] >= frame["ts"].iloc[0].floor("h") + pd.Timedelta(hours=1)
    frame.loc[chance < np.where(late & (frame["version"] == "2"), 0.9, 0.05), "host"] = "b"
    found = halves(filled(frame))
    assert (("version", "2"), ("host", "b")) in _told(found) or (("host", "b"), ("version", "2")) in _told(found)


def test_figures_that_moved_are_told(traffic: Traffic, filled: Filled, halves: Callable[[Store], Comparison]) -> None:
    """The median of one route and of one number among the attributes; not those that stayed."""

    def slower(factor: float) -> Column:
        return lambda when, generator: 50 * np.where(when >= 60, factor, 1.0) * np.exp(generator.normal(size=len(when)))

    def items(when: Any, generator: np.random.Generator) -> list[str]:
        return [f'{{"items": {number}}}' for number in generator.poisson(np.where(when >= 60, 40, 20))]

    found = halves(
        filled(
            traffic(1, 120, 20, http_method="GET", http_route="/slow", duration_ms=slower(2.0)),
            traffic(2, 120, 20, http_method="GET", http_route="/same", duration_ms=slower(1.0)),
            traffic(3, 120, 20, attributes=items),
        )
    )
    assert {one.key for one in found.shifts} == {"duration_ms of GET /slow", "attributes.items"}
    slow = next(one for one in found.shifts if one.key == "duration_ms of GET /slow")
    assert slow.low < 2 < slow.high


def test_what_came_in_one_burst_is_told_as_such(
    traffic: Traffic, filled: Filled, halves: Callable[[Store], Comparison], at: At
) -> None:
    """Forty lines within three minutes may be chance; they are told apart, with when they came."""
    burst = traffic(2, 3, 15, message="lock timeout")
    burst["ts"] += pd.Timedelta(minutes=90)
    found = halves(filled(traffic(1, 120, 30, message="fine"), burst))
    [one] = found.differences
    assert (one.values, one.certain) == ((("message", "lock timeout"),), False)
    assert (one.mostly.since, one.mostly.until) == (at(90), at(93))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2))])
def test_a_process_does_not_differ_from_itself(
    traffic: Traffic, filled: Filled, halves: Callable[[Store], Comparison], seed: int
) -> None:
    """Jobs of a hundred lines in a few seconds, by many users and hosts, in both hours."""
    generator = np.random.default_rng(seed)
    jobs = generator.uniform(0, 120, 300)
    when = np.repeat(jobs, 100) + generator.exponential(0.3, 30_000)
    frame = traffic(seed, 120, 260).head(30_000)
    frame = frame.assign(
        ts=frame["ts"].iloc[0].floor("h") + pd.to_timedelta(when * 60, unit="s"),
        user_id=np.repeat(generator.choice([f"u{number}" for number in range(20)], 300), 100),
        host=np.repeat(generator.choice(["a", "b", "c"], 300), 100),
    )
    assert _told(halves(filled(frame))) == {}


def test_the_false_share_is_as_stated() -> None:
    """Of comparisons of a bursty process with itself at most twice the stated share find anything; plain tests, all."""
    generator = np.random.default_rng(11)
    runs, found, plain = 60, 0, 0
    in_a = np.arange(80) < 20
    for _ in range(runs):
        bursts = generator.poisson(10 ** generator.uniform(-2.3, 0.4, (60, 1)), (60, 80))
        counts = bursts * generator.geometric(1 / 20, (60, 80)).astype(float)
        counts = counts[counts.sum(axis=1) >= 5]
        judged = shares.shares(counts, counts.sum(axis=0) + 1, in_a)
        found += int((adjusted(judged.p_values, len(counts)) <= 0.05).any())
        plain += int((adjusted(judged.plain_p_values, len(counts)) <= 0.05).any())
    assert found <= 2 * 0.05 * runs
    assert plain > 0.9 * runs


def test_neighbouring_minutes_that_are_alike_are_no_evidence() -> None:
    """Rates that wander over some minutes make hours differ by chance; medians that wander likewise."""
    generator = np.random.default_rng(12)
    runs, found, moved = 40, 0, 0
    in_a = np.arange(40) < 20
    for _ in range(runs):
        wander = generator.normal(size=(31, 120))
        for minute in range(1, 120):
            wander[:, minute] = 0.8 * wander[:, minute - 1] + 0.6 * wander[:, minute]
        counts = generator.poisson(10 * np.exp(0.5 * wander[:30])).reshape(30, 40, 3).sum(axis=2).astype(float)
        judged = shares.shares(counts, counts.sum(axis=0), in_a)
        found += int((adjusted(judged.p_values, 30) <= 0.05).any())
        moved += int(shares.medians(np.exp(wander[30].reshape(40, 3).mean(axis=1)), in_a).p_values[0] <= 0.05)
    assert found <= 2 * 0.05 * runs
    assert moved <= 2 * 0.05 * runs


def test_a_sample_estimates_what_a_whole_range_counts(traffic: Traffic, filled: Filled, at: At) -> None:
    """Counts are scaled to the whole, a note says so, and it is the same each time."""
    store = filled(traffic(1, 120, 200, host=_mixed(60, 0.2, "b", "a")))
    a, b = Stretch(at(60), at(120)), Stretch(at(0), at(60))
    whole = compare(store, a, b).differences[0]
    first, second = (compare(store, a, b, settings=DifferenceSettings(max_rows=3000)) for _ in range(2))
    assert first == second
    assert first.differences[0].values == whole.values
    assert first.differences[0].rows[0] == pytest.approx(whole.rows[0], rel=0.15)
    assert any("A is a sample" in note for note in first.notes)


def test_keys_with_a_value_for_each_row_are_named_and_not_looked_at(
    traffic: Traffic, filled: Filled, halves: Callable[[Store], Comparison]
) -> None:
    """An order's number tells nothing; the shop, in the same attributes, does."""

    def attributes(when: Any, generator: np.random.Generator) -> list[str]:
        shop = np.where((when >= 60) & (generator.random(len(when)) < 0.3), "north", "south")
        return [f'{{"order": "o{number}", "shop": "{name}"}}' for number, name in enumerate(shop)]

    found = halves(filled(traffic(1, 120, 30, attributes=attributes)))
    assert (("attributes.shop", "north"),) in _told(found)
    assert any("order" in note for note in found.notes)


def test_a_scope_leaves_out_the_rest(traffic: Traffic, filled: Filled, at: At) -> None:
    """Only the named service, and only errors where asked."""
    store = filled(
        traffic(1, 120, 30, host=_mixed(60, 0.3, "b", "a")),
        traffic(2, 120, 30, service="other", host="c"),
        traffic(3, 120, 3, severity=17, host="d"),
    )
    a, b = Stretch(at(60), at(120)), Stretch(at(0), at(60))
    assert (("host", "b"),) in _told(compare(store, a, b, Scope(service="shop")))
    assert _told(compare(store, a, b, Scope(service="other"))) == {}
    assert _told(compare(store, a, b, Scope(errors=True))) == {}
    assert compare(store, a, b, Scope(service="none")).notes == (
        "there are no events of none in one of the ranges: nothing to compare",
    )


def test_ranges_that_overlap_are_refused(traffic: Traffic, filled: Filled, at: At) -> None:
    """A row in both would be on neither side."""
    with pytest.raises(QueryError, match="overlap"):
        compare(filled(traffic(1, 120, 3)), Stretch(at(0), at(61)), Stretch(at(60), at(120)))

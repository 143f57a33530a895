"""The roll-up as arrays holds what the roll-up holds."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pandas as pd

from logpipe.store import Store
from logpipe_analysis.buckets import Buckets
from logpipe_analysis.cells import Cells
from logpipe_analysis.place import Place
from logpipe_analysis.timerange import TimeRange
from tests.analysis.conftest import START

Filled = Callable[..., Store]
Traffic = Callable[..., pd.DataFrame]


def _cells(store: Store, minutes: int) -> Cells:
    buckets = Buckets(store, TimeRange.covering(START, START + timedelta(minutes=minutes), timedelta(minutes=1)))
    return Cells.read(store, buckets.counts, buckets.range.buckets)


def test_each_sum_is_that_of_the_roll_up(quiet: Callable[[int], Store]) -> None:
    """By service, stream and operation, in each bucket; names that are missing are a key of their own."""
    store = quiet(1)
    cells = _cells(store, 480)
    summed = store.execute(
        "SELECT service, stream, operation, (epoch_us(minute) // 60_000_000)::BIGINT, sum(events)::INT, "
        "coalesce(sum(events) FILTER (severity >= 17), 0)::INT FROM rollup_minute GROUP BY ALL"
    )
    first = int(START.timestamp()) // 60
    expected = {(*row[:3], row[3] - first): row[4:] for row in summed}
    told: dict[tuple[str | int | None, ...], tuple[float, float]] = {}
    for name, keys in cells.by(("service", "stream", "operation")).items():
        events, errors = cells.series(keys), cells.series(keys, cells.errors)
        assert (cells.first(keys), cells.last(keys)) == (np.flatnonzero(events)[0], np.flatnonzero(events)[-1])
        told |= {(*name, int(bucket)): (events[bucket], errors[bucket]) for bucket in np.flatnonzero(events)}
    assert told == expected


def test_a_name_that_is_missing_is_none(traffic: Traffic, filled: Filled) -> None:
    """So that a place is the same wherever it was read."""
    store = filled(traffic(1, 10, 5, event="a", duration_ms=5.0), traffic(2, 10, 5, event="a", environment="test"))
    assert set(_cells(store, 10).keys["environment"]) == {None, "test"}
    buckets = Buckets(store, TimeRange.covering(START, START + timedelta(minutes=10), timedelta(minutes=1)))
    assert [place for place, _ in buckets.operations(("event",), 1)] == [Place("shop", None)]


def test_names_come_in_order(traffic: Traffic, filled: Filled) -> None:
    """What has no name comes last; of some keys only the names of these are told."""
    store = filled(
        traffic(1, 10, 5, service="b", http_route="/z"), traffic(2, 10, 5, service="a"), traffic(3, 10, 5, service="b")
    )
    cells = _cells(store, 10)
    assert [service for (service,) in cells.by(("service",))] == ["a", "b"]
    [*_, (_, own)] = cells.by(("service",)).items()
    assert list(cells.by(("operation",), own)) == [("/z",), (None,)]


def test_others_can_be_weighed(traffic: Traffic, filled: Filled) -> None:
    """Server errors are another weight, also of keys that do not stand side by side, and their totals are by key."""
    store = filled(
        traffic(1, 10, 5, http_route="/", http_status=503),
        traffic(2, 10, 5, service="other", http_route="/"),
        traffic(3, 10, 5, service="third", http_route="/", http_status=503),
    )
    cells = _cells(store, 10)
    shop = np.flatnonzero(cells.keys["service"].isin(["shop", "third"]))
    [(events,)] = store.execute("SELECT count(*) FROM events WHERE service <> 'other'")
    assert cells.series(shop).sum() == cells.series(shop, cells.served).sum() == events
    assert cells.totals(cells.served).sum() == cells.totals(cells.events)[shop].sum() == events


def test_an_empty_range_has_no_cells(filled: Filled, traffic: Traffic) -> None:
    """And no series of any."""
    store = filled(traffic(1, 10, 5))
    late = TimeRange.covering(START + timedelta(days=1), START + timedelta(days=2), timedelta(minutes=1))
    cells = Cells.read(store, Buckets(store, late).counts, late.buckets)
    assert (len(cells.events.count), len(cells.keys), cells.by(("service",))) == (0, 0, {})
    assert cells.series(np.arange(0)).tolist() == [0.0] * late.buckets

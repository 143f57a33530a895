"""The roll-up as arrays holds what the roll-up holds."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pandas as pd

from logpipe.store import Store
from logpipe_analysis.buckets import Buckets, Place
from logpipe_analysis.cells import Cells
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
    names = ["service", "stream", "operation"]
    group, found = pd.factorize(pd.MultiIndex.from_frame(cells.keys[names]))
    series = cells.series(group, len(found))
    summed = store.execute(
        "SELECT service, stream, operation, (epoch_us(minute) // 60_000_000)::BIGINT, sum(events)::INT, "
        "coalesce(sum(events) FILTER (severity >= 17), 0)::INT FROM rollup_minute GROUP BY ALL"
    )
    first = int(START.timestamp()) // 60
    errors = cells.series(group, len(found), cells.errors)
    expected = {(*row[:3], row[3] - first): row[4:] for row in summed}
    told = {
        (*(name if isinstance(name, str) else None for name in found[row]), int(bucket)): (
            series[row, bucket],
            errors[row, bucket],
        )
        for row, bucket in zip(*np.nonzero(series), strict=True)
    }
    assert told == expected


def test_a_name_that_is_missing_is_none(traffic: Traffic, filled: Filled) -> None:
    """So that a place is the same wherever it was read."""
    store = filled(traffic(1, 10, 5, event="a", duration_ms=5.0), traffic(2, 10, 5, event="a", environment="test"))
    assert set(_cells(store, 10).keys["environment"]) == {None, "test"}
    buckets = Buckets(store, TimeRange.covering(START, START + timedelta(minutes=10), timedelta(minutes=1)))
    assert [place for place, _ in buckets.operations(("event",), 1)] == [Place("shop", None)]


def test_keys_can_be_left_out_and_others_weighed(traffic: Traffic, filled: Filled) -> None:
    """A key whose group is -1 counts for nothing; server errors are another weight."""
    store = filled(
        traffic(1, 10, 5, http_route="/", http_status=503), traffic(2, 10, 5, service="other", http_route="/")
    )
    cells = _cells(store, 10)
    group = np.where(cells.keys["service"] == "shop", 0, -1)
    [(events,)] = store.execute("SELECT count(*) FROM events WHERE service = 'shop'")
    assert cells.series(group, 1).sum() == cells.series(group, 1, cells.served).sum() == events
    assert cells.series(np.zeros_like(group), 1, cells.served).sum() == events


def test_an_empty_range_has_no_cells(filled: Filled, traffic: Traffic) -> None:
    """And no type is left behind."""
    store = filled(traffic(1, 10, 5))
    late = TimeRange.covering(START + timedelta(days=1), START + timedelta(days=2), timedelta(minutes=1))
    cells = Cells.read(store, Buckets(store, late).counts, late.buckets)
    assert (len(cells.key), len(cells.keys)) == (0, 0)
    assert store.execute("SELECT count(*) FROM duckdb_types() WHERE type_name LIKE 'coded_%'") == [(0,)]

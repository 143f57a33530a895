"""What is found as of a moment depends on nothing that came after it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pandas as pd
import pytest

from logpipe.store import Store
from logpipe_analysis.analysis import analyze
from logpipe_analysis.finding import KINDS, Finding
from logpipe_analysis.settings import Settings
from tests.analysis.eventful import at, stored

MOMENTS = (215, 306, 372, 400, 447, *(pytest.param(minute, marks=pytest.mark.long) for minute in (262, 330, 425, 475)))
"""In the first silence, the spike, the step, the slow query and the last silence, each of which is after those before
it; and soon after each of them."""


Found = list[tuple[Finding, list[tuple[Any, ...]]]]


def _found(store: Store, until: datetime | None, settings: Settings) -> Found:
    """What is found, as if nothing had been found before, each with the rows of its statement."""
    store.execute("DELETE FROM findings; DELETE FROM incidents")
    found = analyze(store, until=until, settings=settings).findings
    return [(one, store.execute(one.sql)) for one in sorted(found, key=_order)]


def _order(finding: Finding) -> tuple[datetime, str, str, str]:
    return finding.started_at, finding.kind, finding.service, finding.subject or ""


@pytest.fixture(scope="module")
def found_then(eventful: pd.DataFrame) -> Callable[[int], Found]:
    """What is found in a store that ends at a minute."""

    @cache
    def found(minute: int) -> Found:
        with stored(eventful[eventful["ts"] < at(minute)]) as ended:
            return _found(ended, None, Settings())

    return found


@pytest.mark.parametrize("minute", MOMENTS)
def test_what_came_later_changes_nothing(found_then: Callable[[int], Found], whole: Store, minute: int) -> None:
    """The whole up to a moment, and a store that ends there, give the same findings, figures, lines and rows."""
    assert _found(whole, at(minute), Settings()) == found_then(minute)
    assert found_then(minute)


def test_nor_does_what_was_found_later(found_then: Callable[[int], Found], whole: Store) -> None:
    """A store that was analysed to its end tells the past as it looked then, and changes nothing of what it has."""
    whole.execute("DELETE FROM findings; DELETE FROM incidents")
    analyze(whole)
    before = whole.execute("SELECT * FROM findings")
    for minute in (400, 306):
        found = sorted(analyze(whole, until=at(minute)).findings, key=_order)
        assert [replace(one, finding_id="") for one in found] == [
            replace(one, finding_id="") for one, _ in found_then(minute)
        ]
        assert set(before) <= set(whole.execute("SELECT * FROM findings"))


def test_everything_is_found_in_the_end(whole: Store) -> None:
    """Else the test above would compare little."""
    kinds = {finding.kind for finding, _ in _found(whole, None, Settings())}
    assert kinds >= {
        "error_spike", "slow_query", "latency_trend", "latency_shift", "new_pattern", "silence",
        "n_plus_one", "new_query", "query_surge",
    }  # fmt: skip
    assert kinds <= set(KINDS)


def test_neither_in_buckets_of_another_length(eventful: pd.DataFrame, whole: Store) -> None:
    """Counted from the events, and from several minutes."""
    moment = at(305)
    with stored(eventful[eventful["ts"] < moment]) as ended:
        for seconds in (20, 300):
            settings = Settings(bucket=timedelta(seconds=seconds))
            expected = _found(ended, None, settings)
            assert _found(whole, moment, settings) == expected
            assert expected


@pytest.mark.parametrize("seconds", [60, 300])
def test_a_bucket_that_is_not_over_is_not_lookedat(whole: Store, seconds: int) -> None:
    """A moment within a bucket gives what its beginning gives."""
    settings = Settings(bucket=timedelta(seconds=seconds))
    assert _found(whole, at(309.5), settings) == _found(whole, at(309 - 309 % (seconds // 60)), settings)

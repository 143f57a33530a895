"""Gauges: what is stranger than anything before, told without a look ahead."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logpipe_analysis.settings import GaugeSettings
from logpipe_analysis.statistics.gauges import alarms, strangeness

Floats = npt.NDArray[np.float64]

DAY = 288


def days(seed: int, length: int) -> Floats:
    """A rhythm of the day, five minutes a value, with noise."""
    generator = np.random.default_rng(seed)
    at = np.arange(length * DAY)
    return np.asarray(50 + 20 * np.sin(2 * np.pi * at / DAY) + generator.normal(size=len(at)), dtype=np.float64)


def raised(values: Floats) -> list[int]:
    """Alarms by the default settings."""
    chosen = GaugeSettings()
    strange = strangeness(values, day=DAY, history=chosen.record_values)
    return alarms(strange, limit=chosen.limit)


@given(cut=st.integers(1, 4 * DAY), seed=st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_what_is_said_of_a_value_does_not_depend_on_later_ones(cut: int, seed: int) -> None:
    """The beginning of a series is judged as the whole is up to there, gaps included."""
    values = days(seed, 4)
    values[np.random.default_rng(seed).random(len(values)) < 0.1] = np.nan
    whole = strangeness(values, day=DAY, history=500)
    np.testing.assert_array_equal(strangeness(values[:cut], day=DAY, history=500), whole[:cut])


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda part: part + 60, True),
        (lambda part: part - 60, True),
        (lambda part: np.full_like(part, 50.0), True),
        (lambda part: part, False),
    ],
    ids=["high", "low", "the rhythm stops", "nothing"],
)
def test_a_value_out_of_line_raises_an_alarm_soon(change: object, found: bool) -> None:
    """From the ninth day on for half a day; the rhythm itself is known by then, and raises none."""
    values = days(3, 12)
    start = 8 * DAY
    values[start : start + DAY // 2] = change(values[start : start + DAY // 2])  # type: ignore[operator]  # a lambda of the list
    late = [position for position in raised(values) if position >= start]
    assert bool(late) == found
    assert not found or late[0] < start + DAY // 3


def test_a_strange_value_raises_the_bar_until_it_is_forgotten() -> None:
    """The same again is not stranger than before; after `record_values` it is."""
    values = np.random.default_rng(1).normal(size=6000)
    values[[2000, 2500, 5900]] = 100.0
    assert [at for at in raised(values) if values[at] == 100.0] == [2000, 5900]


def test_alarms_pause() -> None:
    """Of strange values in a row only the first raises an alarm, and another after the pause."""
    strange = np.full(100, 2.0)
    strange[:7] = 0.0
    assert alarms(strange, limit=1.1, pause=40) == [7, 47, 87]


def test_a_scale_does_not_matter_and_a_flat_line_is_not_strange() -> None:
    """Values in other units are as strange; one value for ever never is."""
    values = days(5, 9)
    there = strangeness(values, day=DAY, history=2000)
    np.testing.assert_allclose(strangeness(values * 1000, day=DAY, history=2000), there, rtol=1e-6)
    assert raised(np.full(5000, 7.0)) == []

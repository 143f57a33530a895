"""Patterns that only one side of a gate had: "never" is meant, and chance is counted over all that is looked at."""

from collections.abc import Callable, Iterator

import pytest

from logpipe.store import Store
from logpipe_analysis.gate.patterns import only_in
from logpipe_analysis.gate.sides import Side

Told = Callable[[str, dict[str, list[int]]], Side]


@pytest.fixture
def told() -> Iterator[Told]:
    """Makes a side of errors, by their text the minutes in which each came, and of 100 events in all."""
    with Store.open(":memory:") as store:

        def make(version: str, errors: dict[str, list[int]]) -> Side:
            came = [(text, minute) for text, minutes in errors.items() for minute in minutes]
            store.execute(
                "INSERT INTO events (ts, service, version, severity, message, source_id, source_pos, bytes) "
                "SELECT TIMESTAMPTZ '2026-01-05 00:00:00Z' + to_minutes(minute), 'shop', $version, 17, text, 1, "
                "row_number() OVER (), 1 FROM (SELECT unnest($texts) AS text, unnest($minutes) AS minute)",
                {"version": version, "texts": [text for text, _ in came], "minutes": [minute for _, minute in came]},
            )
            store.execute(
                "INSERT INTO rollup_minute (minute, service, version, severity, events, bytes) "
                "VALUES ('2026-01-05', 'shop', ?, 9, 100, 100)",
                [version],
            )
            return Side(store, version, "service = 'shop'", version)

        yield make


def _named(number: int) -> str:
    """A text of its own, without digits, which would be masked."""
    return "lost " + "".join(chr(ord("a") + number // 26**place % 26) for place in range(3))


def test_what_the_other_side_had_among_very_many_patterns_is_not_new(told: Told) -> None:
    """Though it was the rarest of them."""
    many = {_named(number): [1, 2] for number in range(6000)} | {"rare": [3]}
    found = only_in(told("1.1", {"rare": [70], "unheard": [71]}), told("1.0", many))
    assert [pattern.template for pattern in found] == ["unheard"]


def test_chance_is_counted_over_the_patterns_of_both_sides(told: Told) -> None:
    """Of ten patterns, one that came in six minutes of a side with half of the events."""
    both = {_named(number): [1] for number in range(4)}
    gone = {_named(number): [2] for number in range(4, 9)}
    [new] = only_in(told("1.1", both | {"unheard": list(range(70, 76))}), told("1.0", both | gone))
    assert (new.template, new.minutes) == ("unheard", 6)
    assert new.p_value == pytest.approx(10 * 0.5**6)

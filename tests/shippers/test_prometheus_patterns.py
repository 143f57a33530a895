"""The exposition tells what errors say, by a bounded number of patterns whose counts never fall."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from logpipe.store import Store
from logpipe.store.merge import merge
from logpipe.store.retention import Policy, retain
from logpipe_analysis.pattern_choices import choose, undo
from logpipe_analysis.patterns import mine
from logpipe_shippers.prometheus import Limits, exposition
from tests.shippers.test_prometheus import Series, key, named, read
from tests.stores import passing_store

FAMILY = "logpipe_error_pattern_events_total"
START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def store() -> Iterator[Store]:
    with passing_store() as store:
        yield store


def add(store: Store, *messages: str, severity: int = 17, service: str = "web") -> None:
    """An event a message, as an ingest adds them, in minutes of their own."""
    [(begin,)] = store.execute("SELECT coalesce(max(to_pos), 0) FROM ledger")
    count = len(messages)
    columns = "ts, service, severity, message, source_id, source_pos, bytes"
    with store.transaction() as connection:
        connection.execute(
            f"INSERT INTO events ({columns}) SELECT $at + to_minutes($begin + i), $service, $severity, "
            "$messages[i + 1], 1, $begin + i, 1 FROM range($count) AS numbers (i)",
            {"at": START, "begin": begin, "service": service, "severity": severity, "count": count}
            | {"messages": list(messages)},
        )
        connection.execute(
            "INSERT INTO rollup_minute BY NAME SELECT $at AS minute, $service AS service, $severity AS severity, "
            "$count AS events, 0 AS bytes",
            {"at": START, "service": service, "severity": severity, "count": count},
        )
        connection.execute(
            "INSERT INTO ledger VALUES (nextval('ledger_ids'), 1, ?, ?, ?, ?, 0, 0, 0, 0, 0, '', '', now())",
            [begin, begin + count, count, count],
        )


def patterns(store: Store, limits: Limits | None = None) -> dict[tuple[str, str], float]:
    """The counts by service and template."""
    counts = named(read(exposition(store, limits)), FAMILY)
    return {(dict(labels)["service"], dict(labels)["template"]): count for labels, count in counts.items()}


def grown(before: Series, after: Series) -> bool:
    """Whether no count of a pattern is less than it was."""
    counters = [series for series in before if series[0] == FAMILY]
    assert counters
    return all(after.get(series, 0) >= before[series] for series in counters)


def test_errors_are_counted_by_what_they_say(store: Store) -> None:
    """Once an analysis has mined them: of level ERROR and above, of whatever level they are."""
    add(store, "no stock of 7", "no stock of 8", "disk is full")
    add(store, "no stock of 9", severity=21)
    add(store, "no stock of 9", "sold 3", severity=13)
    assert patterns(store) == {}
    mine(store)
    assert patterns(store) == {("web", "no stock of <*>"): 3, ("web", "disk is full"): 1}
    [(pattern_id,)] = store.execute("SELECT pattern_id FROM patterns WHERE template = 'disk is full'")
    assert read(exposition(store))[key(FAMILY, service="web", pattern=pattern_id, template="disk is full")] == 1


def test_what_is_past_a_limit_is_counted_as_other(store: Store) -> None:
    """The most frequent of a first run keep their names, and the number of series is bounded over services too."""
    words = ("one", "two", "two", "three", "three", "three")
    for service in ("a", "b", "c", "d"):
        add(store, *(f"{word} of {service}" for word in words), service=service)
    mine(store)
    limits = Limits(patterns=2, services=2)
    counts = patterns(store, limits)
    expected = {(service, "other"): 1.0 for service in "ab"} | {("other", "other"): 12.0}
    expected |= {(s, f"{word} of {s}"): n for s in "ab" for word, n in (("two", 2.0), ("three", 3.0))}
    assert counts == expected
    series = read(exposition(store, limits))
    assert series[key("logpipe_export_patterns_limit")] == 2
    assert named(series, "logpipe_export_patterns_folded") == {
        frozenset({("service", "a")}): 1,
        frozenset({("service", "b")}): 1,
        frozenset({("service", "other")}): 6,
    }


def test_counts_never_fall(store: Store) -> None:
    """Not where patterns come, are merged, taken apart, or outlive their events; a jump would read as a burst."""
    limits = Limits(patterns=2)
    add(store, "no answer from till", "no answer from till", "no answer from shop", "disk is full")
    add(store, "sold out", severity=9)
    mine(store)
    seen = [read(exposition(store, limits))]
    ids = dict(store.execute("SELECT template, pattern_id FROM patterns"))
    choose(store, ids["no answer from till"], "merge", ids["disk is full"])
    seen.append(read(exposition(store, limits)))
    assert named(seen[1], FAMILY) == named(seen[0], FAMILY)
    # Six names where there were two are values: now they are merged by mining.
    add(store, *(f"no answer from {name}" for name in ("bank", "mail", "depot", "office") for _ in range(9)))
    add(store, *["sold out"] * 9)
    mine(store)
    assert store.execute("SELECT count(*) > 2 FROM pattern_merges") == [(True,)]
    seen.append(read(exposition(store, limits)))
    undo(store, ids["no answer from till"], "merge")
    list(retain(store, Policy(default=timedelta(days=1)), datetime.now(UTC)))
    list(merge(store))
    seen.append(read(exposition(store, limits)))
    assert all(grown(before, after) for before, after in itertools.pairwise(seen))
    assert named(seen[3], FAMILY) == named(seen[2], FAMILY)
    assert sum(named(seen[3], FAMILY).values()) == 4 + 36 + 9

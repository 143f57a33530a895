"""Every event is counted under one pattern, and an id stays what it was."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pandas as pd
import pytest

from logpipe.store import Store, mining
from logpipe.store.mining import MAX_NEW_PATTERNS
from logpipe.store.retention import Policy, retain
from logpipe.store.rollup import MINUTE
from logpipe_analysis.patterns import KNOWN, known_before, mine

Traffic = Callable[..., pd.DataFrame]
Filled = Callable[..., Store]
At = Callable[[float], datetime]


def _counts(store: Store) -> dict[str, int]:
    rows = store.execute("SELECT template, events FROM top_patterns")
    return {str(template): int(events) for template, events in rows}


def test_every_event_is_counted_by_what_it_says(traffic: Traffic, filled: Filled) -> None:
    """By its template, its operation, its message, else by exception, event or stream; to the last one."""
    store = filled(
        traffic(1, 3, 20, message="order 7 shipped", template="order %s shipped"),
        traffic(2, 3, 20, stream="access", http_method="GET", http_route="/cart", message="GET /cart 200"),
        traffic(3, 3, 20, message="order 7 shipped"),
        traffic(4, 3, 20, severity=17, exception_type="KeyError"),
        traffic(5, 3, 20, severity=17, exception_type="KeyError", message="no order 8"),
        traffic(6, 3, 20, event="mail_sent"),
        traffic(7, 3, 20, message=""),
        traffic(8, 3, 20, message="<*>"),
    )
    mined = mine(store)
    counts = _counts(store)
    assert set(counts) == {
        "order %s shipped", "GET /cart", "order <*> shipped", "KeyError", "KeyError: no order <*>", "mail_sent", "app",
        "<*>",
    }  # fmt: skip
    assert sum(counts.values()) == mined == store.execute("SELECT count(*) FROM events")[0][0]


def test_each_event_tells_the_pattern_it_is_counted_under(traffic: Traffic, filled: Filled) -> None:
    """What the view says of events adds up to what was counted."""
    store = filled(
        traffic(1, 5, 20, message=lambda when, generator: [f"job {n} of {n * 7} done" for n in range(len(when))]),
        traffic(2, 5, 20, stream="access", http_method="GET"),
    )
    mine(store)
    by_event = "SELECT pattern_id, count(*) FROM event_patterns GROUP BY ALL ORDER BY ALL"
    by_count = "SELECT pattern_id, sum(events)::BIGINT FROM pattern_counts GROUP BY ALL ORDER BY ALL"
    assert store.execute(by_event) == store.execute(by_count)


def test_ids_are_of_what_is_said(traffic: Traffic, filled: Filled) -> None:
    """The id of a template is the same in each store, and in each version: users' choices are kept under it."""
    store = filled(
        traffic(1, 3, 20, message="order 7 shipped", template="order %s shipped"),
        traffic(2, 3, 20, message="order 7 shipped"),
        traffic(3, 3, 20, severity=17, exception_type="KeyError", message="no order 8"),
    )
    mine(store)
    assert set(store.execute("SELECT pattern_id, template, mined FROM patterns")) == {
        ("d02d83acbead", "order %s shipped", False),
        ("fbd783f894b0", "order <*> shipped", True),
        ("c5a56dac3fd9", "KeyError: no order <*>", True),
    }


def test_what_differs_in_one_thing_is_counted_apart(traffic: Traffic, filled: Filled) -> None:
    """By service, severity and minute, with the example of its own, though the text is the same."""
    frames = [
        traffic(seed, 3, 20, service=service, severity=severity, message="order 7 shipped")
        for seed, (service, severity) in enumerate([("shop", 9), ("shop", 17), ("mail", 9)])
    ]
    store = filled(*frames)
    mine(store)
    by_event = f"SELECT {MINUTE} AS minute, service, severity, count(*) FROM events GROUP BY ALL ORDER BY ALL"
    by_count = "SELECT minute, service, severity, sum(events)::BIGINT FROM pattern_minute GROUP BY ALL ORDER BY ALL"
    assert store.execute(by_count) == store.execute(by_event)
    strangers = f"""
        FROM pattern_minute AS counted ANTI JOIN events AS e ON e.source_pos = counted.source_pos
            AND e.source_id = counted.source_id AND e.service = counted.service
            AND e.severity = counted.severity AND {MINUTE} = counted.minute
    """
    assert store.execute(strangers) == []


def test_what_is_too_many_is_counted_by_its_first_words(traffic: Traffic, filled: Filled) -> None:
    """Nothing is left out, and the patterns that one run adds are bounded."""

    def words(when: object, generator: object) -> list[str]:
        letters = [
            chr(ord("a") + n % 26) + chr(ord("a") + n // 26 % 26) + chr(ord("a") + n // 676) for n in range(3000)
        ]
        return [f"free text {word}{word} is here" for word in letters]

    frame = traffic(1, 10, 600).head(3000)
    frame["message"] = words(None, None)
    store = filled(frame)
    mine(store)
    [(patterns,)] = store.execute("SELECT count(*) FROM patterns")
    assert patterns == MAX_NEW_PATTERNS + 1
    assert store.execute("SELECT sum(events)::BIGINT FROM pattern_minute") == [(3000,)]
    assert store.execute("SELECT events FROM top_patterns WHERE template = 'free text <*>'") == [(1000,)]


def test_counts_outlive_events_that_went_uncounted(traffic: Traffic, filled: Filled, at: At) -> None:
    """Retention removes some before any analysis, and others after: all are counted, once."""
    store = filled(traffic(1, 60, 10, message="tick"))
    [(total,)] = store.execute("SELECT count(*) FROM events")
    for minutes in (20, 40):
        list(retain(store, Policy(default=timedelta(days=1)), at(minutes) + timedelta(days=1)))
        mine(store)
        assert _counts(store) == {"tick": total}


def test_an_id_stays_when_its_template_generalises(traffic: Traffic, filled: Filled, at: At) -> None:
    """The group has the id of its earliest; what was known before is known still, and no row is rewritten."""
    names = ("alice", "bob", "carol", "dave", "erin", "frank")
    frames = [
        traffic(
            seed, 10 * seed + 10, lambda minutes: 5.0 * (minutes >= minutes[-1] - 9), message=f"hello {name}, come in"
        )
        for seed, name in enumerate(names, 1)
    ]
    store = filled(*frames[:5])
    mine(store)
    [(first,)] = store.execute("SELECT pattern_id FROM patterns ORDER BY first_seen LIMIT 1")
    raw = store.execute("SELECT * FROM pattern_minute ORDER BY ALL")
    assert len(_counts(store)) == 5
    filled(frames[5], store=store)
    mine(store)
    assert store.execute("SELECT pattern_id, template FROM top_patterns") == [(first, "hello <*>, come in")]
    assert set(raw) <= set(store.execute("SELECT * FROM pattern_minute"))


def test_a_look_into_the_past_merges_as_then(traffic: Traffic, filled: Filled, at: At) -> None:
    """What came later merges nothing that was apart."""
    names = ("alice", "bob", "carol", "dave", "erin", "frank")
    frames = [
        traffic(n, 40, lambda m, n=n: 9.0 * (m >= 5 * n), message=f"hi {name}, go on") for n, name in enumerate(names)
    ]
    store = filled(*frames)
    mine(store)
    known_before(store, at(25))
    assert store.execute(f"SELECT count(DISTINCT into_id), min(template) FROM {KNOWN}") == [(5, "hi alice, go on")]
    known_before(store, at(40))
    assert store.execute(f"SELECT count(DISTINCT into_id), min(template) FROM {KNOWN}") == [(1, "hi <*>, go on")]


@pytest.mark.parametrize("stated", [False, True])
def test_templates_that_are_stated_are_not_merged(traffic: Traffic, filled: Filled, stated: bool) -> None:
    """A program that says what its templates are is believed."""
    frames = [
        traffic(n, 5, 9, message=f"hi {name} 7, go on", template=f"hi {name} %s, go on" if stated else None)
        for n, name in enumerate(("alice", "bob", "carol", "dave", "erin", "frank"))
    ]
    store = filled(*frames)
    mine(store)
    assert len(_counts(store)) == (6 if stated else 1)


def test_many_events_are_counted_step_by_step(
    traffic: Traffic, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step a transaction, and all of them one answer."""
    monkeypatch.setattr(mining, "STEP_EVENTS", 100)
    store: Store | None = None
    for seed in range(4):
        store = filled(traffic(seed, 5, 20, message=f"step {'abcd'[seed]} of 4"), store=store)
    assert store
    [(events,)] = store.execute("SELECT count(*) FROM events")
    assert mine(store) == events == sum(_counts(store).values())
    assert mine(store) == 0

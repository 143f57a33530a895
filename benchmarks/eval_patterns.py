"""Patterns: what lines are grouped together, of systems whose templates people wrote down, and how fast.

Loghub's systems (Zhu et al. 2023), 2,000 lines each, are events of one store, a service each. Grouping accuracy is the
share of lines whose group has exactly the lines that one label has; group F1 counts groups instead of lines. For the
speed each line stands 60 times, in each copy with every digit drawn anew, so that lines with digits are distinct as far
as these can be (a fifth have none); `mine` is timed from the events to the stored merges: the best of three.
"""

import csv
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from eval_measure import Measure

from logpipe.store import Store
from logpipe_analysis.patterns import mine

_COPIES = 60
_RUNS = 3
_EVENTS = """
INSERT INTO events (ts, stream, severity, service, message, source_id, source_pos, bytes)
SELECT TIMESTAMPTZ '2026-01-05 00:00:00Z' + to_milliseconds(copy * 180_000 + position * 90), 'app', 9, service,
    message, 1, copy * 1_000_000 + number, 1
FROM lines
"""
_LEDGER = """
INSERT INTO ledger SELECT nextval('ledger_ids'), 1, 0, max(source_pos) + 1, 0, count(*), 0, 0, 0, 0, 0, '', '', now()
FROM events
"""


def measure() -> Iterator[Measure]:
    """Accuracy and F1 as means over the systems, lines a second, and by how many events the counts are off."""
    systems = dict(_systems(Path(os.environ["LOGPIPE_EVAL_DATA"]) / "patterns_loghub2k"))
    scores = list(_scores(systems))
    for number, (name, wanted) in enumerate((("grouping accuracy", 0.93), ("group F1", 0.95))):
        mean = sum(score[number] for score in scores) / len(scores)
        yield Measure(f"patterns: {name}, mean of {len(scores)} systems", mean, wanted)
    store = _filled(systems, _COPIES)
    yield Measure("patterns: lines mined a second", max(_speed(store) for _ in range(_RUNS)), 400_000, digits=0)
    [(off,)] = store.execute(
        "SELECT abs((SELECT count(*) FROM events) - (SELECT sum(events) FROM pattern_counts))::BIGINT"
    )
    yield Measure("patterns: events that the counts are off by", off, 0, at_most=True, digits=0)


def _systems(folder: Path) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """The lines of each system, with their labels."""
    for path in sorted(folder.glob("*/*_2k.log_structured.csv")):
        with path.open(newline="") as file:
            yield path.parent.name, list(csv.DictReader(file))


def _filled(systems: dict[str, list[dict[str, str]]], copies: int) -> Store:
    lines = [
        (service, position, row["Content"]) for service, rows in systems.items() for position, row in enumerate(rows)
    ]
    services, positions, messages = map(list, zip(*lines, strict=True))
    store, numbers = Store.open(":memory:"), list(range(len(lines)))
    names = ("copy", "service", "position", "number", "message")
    for copy, varied in enumerate(_copies(messages, copies)):
        columns = ([copy] * len(lines), services, positions, numbers, varied)
        store.connection.register("lines", pa.table(dict(zip(names, columns, strict=True))))
        store.execute(_EVENTS)
    store.execute(_LEDGER)
    return store


def _copies(messages: Sequence[str], copies: int) -> Iterator[Sequence[str]]:
    """The messages, then the same with each digit another; none is longer than it was."""
    yield messages
    text = np.frombuffer("\n".join(messages).encode(), np.uint8)
    places = np.flatnonzero((text >= ord("0")) & (text <= ord("9")))
    digits, generator = text[places] - ord("0"), np.random.default_rng(1)
    for _ in range(copies - 1):
        varied = text.copy()
        varied[places] = ord("0") + (digits + generator.integers(1, 10, len(places), np.uint8)) % 10
        yield varied.tobytes().decode().split("\n")


def _scores(systems: dict[str, list[dict[str, str]]]) -> Iterator[tuple[float, float]]:
    store = _filled(systems, 1)
    mine(store)
    for service, rows in systems.items():
        found = store.execute("SELECT pattern_id FROM event_patterns WHERE service = ? ORDER BY source_pos", [service])
        yield _score([pattern_id for (pattern_id,) in found], [row["EventId"] for row in rows])
    store.close()


def _score(found: Sequence[str], labels: Sequence[str]) -> tuple[float, float]:
    """Grouping accuracy, and F1 over groups."""
    right, groups = _groups(labels), _groups(found)
    exact = right & groups
    return sum(map(len, exact)) / len(labels), 2 * len(exact) / (len(right) + len(groups))


def _groups(keys: Iterable[str]) -> set[frozenset[int]]:
    members = defaultdict(set)
    for position, key in enumerate(keys):
        members[key].add(position)
    return {frozenset(group) for group in members.values()}


def _speed(store: Store) -> float:
    """Lines a second, on a store without any patterns."""
    for table in ("patterns", "pattern_series", "pattern_cells", "pattern_merges", "cursors"):
        store.execute(f"DELETE FROM {table}")
    store.execute("DELETE FROM meta WHERE key = 'pattern_merges'")
    started = time.perf_counter()
    counted = mine(store)
    return counted / (time.perf_counter() - started)

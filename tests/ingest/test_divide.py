"""A line that holds several records: each is an event, once, with a place of its own."""

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpipe.ingest.audit.verify import verify
from logpipe.ingest.formats import FORMATS, Context, parts
from logpipe.ingest.formats.cloudtrail import CLOUDTRAIL
from logpipe.ingest.formats.json_format import JsonFormat
from logpipe.ingest.formats.otlp_json import OTLP_JSON
from logpipe.ingest.loading import cut
from logpipe.ingest.options import Options
from logpipe.ingest.repair.reparse import reparse
from logpipe.ingest.repair.retry import retry
from logpipe.store import Store
from tests.ingest.logs import Take, rest
from tests.store.rollups import sums


def trail(number: int) -> dict[str, object]:
    return {
        "eventVersion": "1.08",
        "eventTime": f"2026-03-12T10:{number // 60:02}:{number % 60:02}Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": f"Event{number}",
    }


def deliveries(*sizes: int) -> bytes:
    """Lines of so many events each, numbered from 0."""
    numbers = iter(range(sum(sizes)))
    lines = ([trail(next(numbers)) for _ in range(size)] for size in sizes)
    return b"".join(json.dumps({"Records": line}).encode() + b"\n" for line in lines)


@pytest.fixture
def log(logs: Path) -> Path:
    path = logs / "trail.json"
    path.write_bytes(deliveries(3, 40, *[1] * 9, 5) + b'{"Records": [{"torn\n\n')
    rest(path)
    return path


EVENTS = "SELECT event, source_pos::BIGINT, bytes FROM events ORDER BY source_pos"
LEDGER = "SELECT sum(lines)::INT, sum(divided)::INT, sum(events)::INT, sum(blanks)::INT, sum(rejects)::INT FROM ledger"


def test_each_event_has_its_place(log: Path, take: Take, store: Store) -> None:
    """The events of a line follow each other without a gap, and the ledger adds up."""
    summary = take()
    assert (summary.lines, summary.events, summary.rejects) == (14, 57, 1)
    assert store.execute(LEDGER) == [(14, 45, 57, 1, 1)]
    assert not verify(store).problems
    data = log.read_bytes()
    for event, start, size in store.execute(EVENTS):
        assert f'"{event}"'.encode() in data[start : start + size]
    [(taken,)] = store.execute(
        "SELECT sum(bytes)::INT FROM (SELECT bytes FROM events UNION ALL SELECT bytes FROM rejects)"
    )
    assert taken == len(data) - 1  # the blank line


def test_a_lost_event_is_noticed(log: Path, take: Take, store: Store) -> None:
    """Also one from within a line, or one that stands where none begins."""
    take()
    store.execute("UPDATE events SET source_pos = source_pos + 1 WHERE event = 'Event0'")
    assert {problem.reason for problem in verify(store).problems} == {"astray"}
    store.execute("DELETE FROM events WHERE event = 'Event2'")
    assert "missing_events" in {problem.reason for problem in verify(store).problems}


def test_reading_again_changes_nothing(log: Path, take: Take, store: Store) -> None:
    """Each event keeps its place."""
    take()
    before, counted = store.execute(EVENTS), sums(store)
    done = reparse(store, 1, Options())
    assert done.before == done.after == (57, 1)
    assert (store.execute(EVENTS), sums(store)) == (before, counted)
    assert not verify(store).problems
    assert take().events == 0
    assert log.stat().st_size


@dataclass(frozen=True)
class Broken(JsonFormat):
    """A parser with a fault: it takes no line that was delivered with others."""

    def select(self, connection: duckdb.DuckDBPyConnection, context: Context) -> str:
        return f"SELECT * REPLACE ('broken' AS reason) FROM ({super().select(connection, context)})"


def test_rejects_become_all_their_events(log: Path, take: Take, store: Store) -> None:
    """After the parser was mended each line is several events, and what is still torn stays one reject."""
    broken = Broken("cloudtrail", CLOUDTRAIL.title, CLOUDTRAIL.columns)
    assert take(formats=FORMATS | {"cloudtrail": broken}, format="cloudtrail").rejects == 13
    assert store.execute(LEDGER) == [(14, 0, 0, 1, 13)]
    assert retry(store, Options()).events == 12
    assert store.execute(LEDGER) == [(14, 45, 57, 1, 1)]
    assert not verify(store).problems
    retried, counted = store.execute(EVENTS), sums(store)
    assert retry(store, Options()).events == 0
    store.execute("DELETE FROM sources")
    for table in ("events", "rejects", "ledger", "rollup_minute", "latency_histogram"):
        store.execute(f"DELETE FROM {table}")
    take()
    assert store.execute(EVENTS) == retried
    assert sums(store) == counted
    assert log.exists()


VALUE = st.recursive(
    st.text(max_size=5).map(lambda text: {"stringValue": text})
    | st.integers().map(lambda number: {"intValue": str(number)})
    | st.booleans().map(lambda flag: {"boolValue": flag}),
    lambda inner: st.lists(inner, max_size=3).map(lambda found: {"arrayValue": {"values": found}}),
    max_leaves=5,
)
ATTRIBUTES = st.dictionaries(st.text(max_size=4), VALUE, max_size=3)


def listed(attributes: dict[str, dict[str, object]]) -> list[dict[str, object]]:
    return [{"key": key, "value": value} for key, value in attributes.items()]


def plain(value: dict[str, object]) -> object:
    """What an `AnyValue` stands for."""
    [(kind, said)] = value.items()
    if kind == "arrayValue":
        assert isinstance(said, dict)
        return [plain(each) for each in said["values"]]
    return int(str(said)) if kind == "intValue" else said


@given(
    st.lists(st.tuples(ATTRIBUTES, st.lists(ATTRIBUTES, min_size=1, max_size=3)), min_size=1, max_size=3),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_a_record_is_read_with_what_stands_around_it(
    resources: list[tuple[dict[str, dict[str, object]], list[dict[str, dict[str, object]]]]],
    indent: int | None,
    escaped: bool,
) -> None:
    """As Python reads it, however it is laid out; and begins where it stands in the line."""
    request = {
        "resourceLogs": [
            {
                "resource": {"attributes": listed(resource)},
                "scopeLogs": [
                    {"logRecords": [{"body": {"stringValue": "ü"}, "attributes": listed(each)} for each in records]}
                ],
            }
            for resource, records in resources
        ]
    }
    line = json.dumps(request, indent=indent, ensure_ascii=escaped).encode()
    parts = OTLP_JSON.parts(line)
    wanted = [
        {
            "resource": {"attributes": {key: plain(value) for key, value in resource.items()}},
            "scope": {},
            "body": "ü",
            "attributes": {key: plain(value) for key, value in each.items()},
        }
        for resource, records in resources
        for each in records
    ]
    assert [json.loads(part.text) for part in parts] == wanted
    assert all(line[part.start :].startswith(b"{") for part in parts)
    assert all(a.start < b.start for a, b in pairwise(parts))


@pytest.mark.parametrize("wide", [1, 100])
def test_lines_that_swell_come_in_small_pieces(
    take: Take, logs: Path, store: Store, monkeypatch: pytest.MonkeyPatch, wide: int
) -> None:
    """Each record repeats its resource, so a chunk is bounded by what its lines become; a line by itself is not cut."""
    monkeypatch.setattr(cut, "_WANTED_BYTES", 20_000)
    resource = {"attributes": [{"key": "k", "value": {"stringValue": "x" * 10 * wide}}]}
    records = [{"body": {"stringValue": f"m{number}"}} for number in range(30)]
    line = json.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]})
    path = logs / "otlp.json"
    path.write_text(f"{line}\n\n" * 15)
    rest(path)
    assert take().events == 450
    [(pieces, largest)] = store.execute("SELECT count(*), max(events) FROM ledger")
    assert (pieces, largest) == ((15, 30) if wide == 100 else (2, 270))
    assert not verify(store).problems


def test_a_line_that_swells_too_much_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its records or by what they repeat: the memory of one line has a bound too."""
    line = b'{"resourceLogs":[{"resource":{"a":"xxxxxxxxxx"},"scopeLogs":[{"logRecords":[{},{},{}]}]}]}'
    assert len(OTLP_JSON.parts(line)) == 3
    monkeypatch.setattr(parts, "_MOST_PARTS", 2)
    assert OTLP_JSON.parts(line) == []
    monkeypatch.setattr(parts, "_MOST_PARTS", 3)
    monkeypatch.setattr(parts, "_MOST_BYTES", 100)
    assert OTLP_JSON.parts(line) == []


@pytest.mark.parametrize(
    "line",
    [
        b'{"resourceLogs":[{"resource":{},"scopeLogs":[{"logRecords":[]}]}]}',
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}],"more":1}',
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[1]}]}]}',
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]',
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}], "scopeLogs":[]}]}',
        b'{"resourceLogs":{}}',
        b"[" * 100_000,
        b"",
    ],
)
def test_what_would_lose_something_is_left_as_it_is(line: bytes) -> None:
    """A resource without records, a member that no record has, a torn line: then it is one record, whole."""
    assert OTLP_JSON.parts(line) == []


@pytest.mark.parametrize("behind", ["x", "}", ',"a":1}', '{"Records":[]}'])
def test_what_stands_behind_a_whole_object_is_not_lost(behind: str) -> None:
    """As where a line was torn, and another went on in it: then it is no JSON, and one reject."""
    delivery, request = '{"Records":[{"a":1}]}', '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}'
    assert len(CLOUDTRAIL.parts(f"{delivery} ".encode())) == len(OTLP_JSON.parts(f"{request} ".encode())) == 1
    assert CLOUDTRAIL.parts((delivery + behind).encode()) == OTLP_JSON.parts((request + behind).encode()) == []

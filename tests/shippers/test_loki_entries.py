"""How an event looks in Loki: its labels, its line, its metadata, its order."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import pytest

from logpipe.store import Store
from logpipe.store.rollup import roll_up
from logpipe_shippers.loki import MIN_BATCH_BYTES, Scope, entries, events, payloads, stock
from logpipe_shippers.loki.entries import MAX_STREAMS
from logpipe_shippers.loki.payloads import MAX_LINE_BYTES


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open(":memory:") as store:
        yield store


def insert(store: Store, **columns: object) -> None:
    row = {"ts": "2026-01-01T00:00:00Z", "severity": 0, "source_id": 3, "source_pos": 14, "bytes": 1} | columns
    store.execute(f"INSERT INTO events ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def streams(store: Store, scope: Scope | None = None) -> list[dict[str, Any]]:
    bodies = (json.loads(payload.body) for payload in payloads(entries(store, scope or Scope())))
    return list(chain.from_iterable(body["streams"] for body in bodies))


def only(store: Store) -> tuple[dict[str, str], str, str, dict[str, str]]:
    """Labels, time, line and metadata of the one event."""
    [stream] = streams(store)
    [(ns, line, metadata)] = stream["values"]
    return stream["stream"], ns, line, metadata


def test_labels_are_few_and_the_rest_is_metadata(store: Store) -> None:
    """Service, environment and stream make the stream; level, ids, figures and the place of the record travel along."""
    insert(
        store,
        ts="2026-01-01T00:00:00.000001Z",
        service="web",
        environment="prod",
        stream="app",
        level="WARNING",
        message="slow",
        trace_id="ab",
        duration_ms=1.5,
        http_status=200,
        attributes='{"order": 7, "cart": {"items": [1]}, "vip": true, "note": null}',
    )
    labels, ns, line, metadata = only(store)
    assert labels == {"service_name": "web", "deployment_environment_name": "prod", "logpipe_stream": "app"}
    assert (ns, line) == ("1767225600000001000", "slow")
    assert metadata == {
        "level": "WARNING",
        "trace_id": "ab",
        "duration_ms": "1.5",
        "http_status": "200",
        "source_id": "3",
        "source_pos": "14",
        "order": "7",
        "cart": '{"items":[1]}',
        "vip": "true",
        "note": "null",
    }


def test_a_record_without_service_or_level_invents_none(store: Store) -> None:
    """Loki's own name for an unknown service, and no level at all."""
    insert(store, message="hello")
    labels, _, _, metadata = only(store)
    assert labels == {"service_name": "unknown_service"}
    assert "level" not in metadata


def test_the_stack_trace_stands_in_the_line_once(store: Store) -> None:
    """Below the message, and not again where the message holds it."""
    trace = "Traceback (most recent call last):\n  …\nKeyError: 'x'"
    insert(store, message="failed", exception_stacktrace=trace)
    insert(store, message=f"failed\n{trace}", exception_stacktrace=trace, source_pos=15)
    insert(store, exception_stacktrace=trace, source_pos=16)
    [stream] = streams(store)
    assert [line for _, line, _ in stream["values"]] == [f"failed\n{trace}", f"failed\n{trace}", trace]


def test_a_record_without_a_message_shows_its_query_or_event(store: Store) -> None:
    """The line says the most it can."""
    insert(store, db_statement="SELECT 1", event="database_query")
    insert(store, event="checkout", source_pos=15)
    insert(store, source_pos=16)
    [stream] = streams(store)
    assert [line for _, line, _ in stream["values"]] == ["SELECT 1", "checkout", ""]


@pytest.mark.parametrize("character", ["x", "é", "😀", "\0"])
def test_a_long_line_is_cut_and_says_how_long_it_was(store: Store, character: str) -> None:
    """Within Loki's limit in bytes, on a character's boundary."""
    insert(store, message=character * 400_000)
    _, _, line, _ = only(store)
    assert len(line.encode()) <= MAX_LINE_BYTES
    assert line.startswith(character * 100)
    assert line.endswith(f"… [cut by logpipe, {len(character.encode()) * 400_000} bytes]")


def test_a_line_at_the_limit_is_whole(store: Store) -> None:
    """Not one byte less than Loki takes."""
    insert(store, message="x" * MAX_LINE_BYTES)
    assert only(store)[2] == "x" * MAX_LINE_BYTES


def test_names_become_identifiers_and_hide_nothing(store: Store) -> None:
    """An attribute that is called as a column or a label keeps its value under a name of its own."""
    insert(
        store, level="INFO", attributes='{"level": "info", "service_name": "x", "a.b": 1, "a b": 2, "1st": 3, "": 4}'
    )
    _, _, _, metadata = only(store)
    assert metadata["level"] == "INFO"
    assert metadata["attribute_level"] == "info"
    assert metadata["attribute_service_name"] == "x"
    assert (metadata["a_b"], metadata["attribute_a_b"]) == ("1", "2")
    assert (metadata["_1st"], metadata["_"]) == ("3", "4")


def test_what_has_no_room_is_counted(store: Store) -> None:
    """At most 128 fields, and the number of those left out."""
    insert(store, attributes=json.dumps({f"key{i}": i for i in range(500)}))
    _, _, _, metadata = only(store)
    assert len(metadata) == 128
    assert int(metadata["logpipe_omitted_fields"]) == 500 + 2 - 127


def test_attributes_nested_too_deep_stay_text(store: Store) -> None:
    """What cannot be taken apart travels whole."""
    nested = '{"a":' + "[" * 800 + "]" * 800 + "}"
    insert(store, attributes=nested)
    assert only(store)[3]["attributes"] == nested


def test_events_go_out_in_the_order_of_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through all windows, however they came in; each once."""
    monkeypatch.setattr(events, "WINDOW_EVENTS", 10)
    store.execute(
        """
        INSERT INTO events (ts, service, message, severity, source_id, source_pos, bytes)
        SELECT TIMESTAMPTZ '2026-01-01 00:00:00Z' + ((i * 7919) % 500) * INTERVAL 13 SECOND, 'web', i::VARCHAR,
            0, 1, i, 1
        FROM range(500) AS numbers(i)
        """
    )
    with store.transaction() as connection:
        roll_up(connection, "events")
    found = list(entries(store, Scope()))
    assert len({entry.line for entry in found}) == len(found) == 500
    assert [entry.ns for entry in found] == sorted(entry.ns for entry in found)


def test_a_range_takes_its_beginning_and_leaves_its_end(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two exports of neighbouring ranges give each event once."""
    monkeypatch.setattr(events, "WINDOW_EVENTS", 2)
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    for minute in range(10):
        insert(store, ts=begin + timedelta(minutes=minute), service="web", message=str(minute))
    with store.transaction() as connection:
        roll_up(connection, "events")
    middle = begin + timedelta(minutes=4)
    early, late = Scope(until=middle), Scope(since=middle)
    assert [entry.line for entry in entries(store, early)] == list("0123")
    assert [entry.line for entry in entries(store, late)] == list("456789")
    assert (stock(store, early).events, stock(store, late).events) == (4, 6)


def test_streams_are_bounded(store: Store) -> None:
    """Past the bound the service is `other`, and its name is metadata."""
    store.execute(
        """
        INSERT INTO events (ts, service, message, severity, source_id, source_pos, bytes)
        SELECT TIMESTAMPTZ '2026-01-01 00:00:00Z' + i * INTERVAL 1 SECOND, 's' || i, 'm', 0, 1, i, 1
        FROM range(?) AS numbers(i)
        """,
        [MAX_STREAMS + 5],
    )
    found = streams(store)
    assert len(found) == MAX_STREAMS + 1
    assert found[-1]["stream"] == {"service_name": "other"}
    assert [metadata["service"] for _, _, metadata in found[-1]["values"]] == [
        f"s{i}" for i in range(MAX_STREAMS, MAX_STREAMS + 5)
    ]


def test_batches_are_filled_and_never_over(store: Store) -> None:
    """The size is that of the encoded payload; a payload ends only where the next line would not fit."""
    store.execute(
        """
        INSERT INTO events (ts, service, message, severity, source_id, source_pos, bytes)
        SELECT TIMESTAMPTZ '2026-01-01 00:00:00Z' + i * INTERVAL 1 SECOND, 's' || (i % 50), 'line "' || i || '"',
            0, 1, i, 1
        FROM range(20_000) AS numbers(i)
        """
    )
    made = list(payloads(entries(store, Scope()), MIN_BATCH_BYTES))
    assert sum(payload.lines for payload in made) == 20_000
    sizes = [len(payload.body) for payload in made]
    assert len(sizes) > 3
    assert max(sizes) <= MIN_BATCH_BYTES
    assert min(sizes[:-1]) > MIN_BATCH_BYTES - 1_000


def test_small_batches_are_refused(store: Store) -> None:
    """A batch must hold one entry at its largest."""
    with pytest.raises(ValueError, match="the least is 262144"):
        list(payloads([], 1000))

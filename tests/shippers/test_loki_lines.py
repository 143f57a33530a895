"""How an event looks in Loki: its labels, its time, its line, its metadata."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import pytest

from logpipe.store import Store
from logpipe.store.rollup import roll_up
from logpipe_shippers.loki import Limits, export, streams
from logpipe_shippers.loki.export import Scope, bodies, stock
from tests.shippers.loki_stores import add, add_many
from tests.stores import passing_store

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def store() -> Iterator[Store]:
    with passing_store() as store:
        yield store


def insert(store: Store, **columns: object) -> None:
    add(store, {"ts": BEGIN, "service": None, "message": None} | columns)


def exported(store: Store, scope: Scope | None = None, limits: Limits | None = None) -> list[dict[str, Any]]:
    made = bodies(store, scope or Scope(), 1_000_000, limits)
    return list(chain.from_iterable(json.loads(body)["streams"] for body, _ in made))


def texts(store: Store, scope: Scope | None = None) -> list[str]:
    return [line for stream in exported(store, scope) for _, line, _ in stream["values"]]


def only(store: Store, limits: Limits | None = None) -> tuple[dict[str, str], str, str, dict[str, str]]:
    """Labels, time, line and metadata of the one event."""
    [stream] = exported(store, limits=limits)
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
        "source_id": "1",
        "source_pos": "0",
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
    insert(store, message=f"failed\n{trace}", exception_stacktrace=trace)
    insert(store, exception_stacktrace=trace)
    assert sorted(texts(store)) == sorted([f"failed\n{trace}", f"failed\n{trace}", trace])


def test_a_record_without_a_message_shows_its_query_or_event(store: Store) -> None:
    """The line says the most it can."""
    insert(store, db_statement="SELECT 1", event="database_query")
    insert(store, event="checkout")
    insert(store)
    assert sorted(texts(store)) == ["", "SELECT 1", "checkout"]


@pytest.mark.parametrize("character", ["x", "é", "😀", "\0"])
def test_a_long_line_is_cut_and_says_how_long_it_was(store: Store, character: str) -> None:
    """Within Loki's limit in bytes, on a character's boundary."""
    insert(store, message=character * 400_000)
    _, _, line, _ = only(store)
    assert Limits().max_line_bytes - 4 < len(line.encode()) <= Limits().max_line_bytes
    assert line.startswith(character * 100)
    assert line.endswith(f"… [cut by logpipe, {len(character.encode()) * 400_000} bytes]")


def test_a_line_at_the_limit_is_whole(store: Store) -> None:
    """Not one byte less than Loki takes."""
    insert(store, message="x" * Limits().max_line_bytes)
    assert only(store)[2] == "x" * Limits().max_line_bytes


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


def test_metadata_keep_to_the_bytes_that_are_allowed(store: Store) -> None:
    """Names and values together, in bytes; the smaller ones of a few large ones still find room."""
    insert(store, attributes=json.dumps({f"key{i}": "é" * 3_000 for i in range(20)} | {"small": "s"}))
    limits = Limits(max_metadata_bytes=20_000)
    _, _, _, metadata = only(store, limits)
    assert 18_000 < sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items()) <= 20_000
    assert metadata["small"] == "s"
    assert metadata["logpipe_omitted_fields"] == str(20 - sum(name.startswith("key") for name in metadata))


def test_long_values_are_cut_and_say_so(store: Store) -> None:
    """Of columns and of attributes, nested or not."""
    insert(store, http_path="p" * 5_000, attributes=json.dumps({"a": "é" * 5_000, "b": ["x" * 5_000]}))
    _, _, _, metadata = only(store)
    assert metadata["http_path"] == "p" * 4_000 + "… [cut by logpipe, 5000 characters]"
    assert metadata["a"] == "é" * 4_000 + "… [cut by logpipe, 5000 characters]"
    assert metadata["b"].endswith("… [cut by logpipe, 5004 characters]")


def test_attributes_nested_too_deep_stay_text(store: Store) -> None:
    """What cannot be taken apart travels whole."""
    nested = '{"a":' + "[" * 800 + "]" * 800 + "}"
    insert(store, attributes=nested)
    assert only(store)[3]["attributes"] == nested


def test_events_go_out_in_the_order_of_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through all windows, however they came in; each once."""
    monkeypatch.setattr(export, "WINDOW_EVENTS", 10)
    add_many(store, 250, source_id=1, since=BEGIN, step=timedelta(seconds=26), message="'a' || n")
    add_many(store, 250, source_id=2, since=BEGIN + timedelta(seconds=13), step=timedelta(seconds=26))
    with store.transaction() as connection:
        roll_up(connection, "events")
    found = [(int(ns), line) for stream in exported(store) for ns, line, _ in stream["values"]]
    assert len({line for _, line in found}) == len(found) == 500
    assert found == sorted(found)


def test_a_range_takes_its_beginning_and_leaves_its_end(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two exports of neighbouring ranges give each event once."""
    monkeypatch.setattr(export, "WINDOW_EVENTS", 2)
    add_many(store, 10, since=BEGIN, step=timedelta(minutes=1), message="n::VARCHAR")
    with store.transaction() as connection:
        roll_up(connection, "events")
    middle = BEGIN + timedelta(minutes=4)
    early, late = Scope(until=middle), Scope(since=middle)
    assert texts(store, early) == list("0123")
    assert texts(store, late) == list("456789")
    assert (stock(store, early).events, stock(store, late).events) == (4, 6)


def test_streams_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the bound the service is `other`, and its name is metadata."""
    monkeypatch.setattr(streams, "MAX_STREAMS", 20)
    add(store, *({"ts": BEGIN + timedelta(seconds=i), "service": f"s{i}"} for i in range(25)))
    found = exported(store)
    assert len(found) == 21
    others = [stream for stream in found if stream["stream"] == {"service_name": "other"}]
    assert [metadata["service"] for _, _, metadata in others[0]["values"]] == [f"s{i}" for i in range(20, 25)]
    assert all("service" not in value[2] for stream in found[:20] for value in stream["values"])


def test_a_label_that_is_too_long_stands_whole_in_the_metadata(store: Store) -> None:
    """And its beginning is the label."""
    insert(store, service="s" * 300, message="hello")
    labels, _, _, metadata = only(store)
    assert (labels["service_name"], metadata["service"]) == ("s" * 200, "s" * 300)

"""The views and macros, from a plain DuckDB client that knows nothing of logpipe."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logpipe.store import Store, rollup
from tests.stores import passing_store

WIDTH = 2 ** (1 / 8) * (1 + 1e-9)
"""Of a bucket, with room for the rounding of logarithms."""


@pytest.fixture
def client(shop: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(shop, read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def rows(client: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return client.execute(sql).fetchall()


def test_errors_by_service(client: duckdb.DuckDBPyConnection) -> None:
    """Errors by level, server errors by status; a record without a level is not an error."""
    sql = "SELECT service, events, errors, server_errors, last_error_at::VARCHAR FROM errors_by_service"
    assert rows(client, sql) == [
        ("nginx", 400, 0, 4, "2026-01-02 01:15:00+00"),
        ("web", 1015, 2, 0, "2026-01-02 02:02:00+00"),
        ("worker", 7, 2, 0, "2026-01-02 02:00:00+00"),
    ]


def test_errors_by_minute_add_up(client: duckdb.DuckDBPyConnection) -> None:
    """Each event is in one minute."""
    sql = "SELECT sum(events)::INT, sum(errors)::INT, sum(server_errors)::INT FROM errors_by_minute"
    assert rows(client, sql) == [(1422, 4, 4)]


def test_a_span_counts_back_from_the_newest_event(client: duckdb.DuckDBPyConnection) -> None:
    """The newest event is of 2026-01-02 12:00; one day before, the MemoryError of 10:00 is out."""
    assert rows(client, "SELECT newest_event()::VARCHAR") == [("2026-01-02 12:01:00+00",)]
    assert rows(client, "SELECT errors FROM errors_by_service(INTERVAL 1 DAY) WHERE service = 'worker'") == [(1,)]
    assert rows(client, "SELECT exception_type FROM top_exceptions('1 day')") == [("shop.PaymentError",)]
    assert rows(client, "SELECT count(*) FROM events_since(INTERVAL 1 HOUR)") == [(1,)]


def test_an_event_of_the_future_is_not_the_newest(tmp_path: Path) -> None:
    """A clock that ran ahead does not hide what happened in the last hour."""
    with Store.open(tmp_path / "logs.duckdb") as store:
        with store.transaction() as connection:
            connection.execute(
                "INSERT INTO events (ts, service, severity, source_id, source_pos, bytes) VALUES"
                " ('2026-01-01 00:00:30Z', 'web', 9, 1, 0, 1), ('2999-01-01 00:00:00Z', 'web', 9, 1, 1, 1)"
            )
            rollup.roll_up(connection, "events")
        assert store.execute("SELECT newest_event()::VARCHAR") == [("2026-01-01 00:01:00+00",)]


def test_since_includes_and_until_excludes(client: duckdb.DuckDBPyConnection) -> None:
    """Two ranges that meet neither share an event nor lose one."""
    sql = "SELECT count(*) FROM events_since({})"
    [(before,)] = rows(client, sql.format("until := '2026-01-02 01:00:00Z'"))
    [(after,)] = rows(client, sql.format("since := '2026-01-02 01:00:00Z'"))
    assert before + after == 1422
    assert rows(client, sql.format("since := '2026-01-02 01:00:00Z', until := '2026-01-02 01:00:03Z'")) == [(1,)]
    by_minute = "SELECT events FROM volume_by_stream(since := '2026-01-02 02:30:30Z') WHERE stream = 'business'"
    assert rows(client, by_minute) == [(8,)], "roll-ups count the whole minute in which a range starts"


def test_top_exceptions_are_grouped_by_where_they_were_raised(client: duckdb.DuckDBPyConnection) -> None:
    """By type and last frame, whatever its line; without a traceback by type alone."""
    sql = "SELECT exception_type, raised_in, events, services, users, last_message FROM top_exceptions"
    assert rows(client, sql) == [
        ("shop.PaymentError", "payment.py:pay", 3, "web, worker", 3, "card 2 refused"),
        ("MemoryError", None, 1, "worker", 0, ""),
    ]


def test_slow_queries_tell_what_they_cost(client: duckdb.DuckDBPyConnection) -> None:
    """By total time over all services, with the variance of 1, 2 … 1,000 ms and the statement that took longest."""
    [orders, carts] = rows(
        client,
        "SELECT fingerprint, queries, total_ms, time_share, mean_ms, max_ms, services, worst_statement,"
        " variance_to_mean_ms, p50_ms, p95_ms, p99_ms FROM slow_queries",
    )
    assert orders[:3] == ("select * from orders where id = ?", 1000, 500_500)
    assert orders[3] == pytest.approx(500_500 / 600_500)
    assert orders[4:8] == (500.5, 1000, "web", "SELECT * FROM orders WHERE id = 1000")
    assert orders[8] == pytest.approx((1000**2 - 1) / 12 / 500.5, rel=0.01)
    assert orders[9:] == (pytest.approx(500, rel=0.091), pytest.approx(950, rel=0.091), pytest.approx(990, rel=0.091))
    assert carts[:3] == ("delete from carts where age > ?", 10, 100_000)
    assert carts[4:9] == (10_000, 10_000, "web, worker", "DELETE FROM carts WHERE age > 0", 0)


def test_slow_queries_of_a_service_and_a_span(client: duckdb.DuckDBPyConnection) -> None:
    """The worker swept carts every eight hours from 04:00 on, the last time at 12:00 of the next day."""
    sql = "SELECT fingerprint, queries, time_share, services FROM slow_queries(INTERVAL 1 DAY, of_service := 'worker')"
    assert rows(client, sql) == [("delete from carts where age > ?", 3, 1.0, "worker")]


def test_slow_endpoints_count_what_failed(client: duckdb.DuckDBPyConnection) -> None:
    """An endpoint whose records have no duration still stands in the list, last."""
    sql = "SELECT service, endpoint, requests, server_errors, error_share, total_ms, max_ms FROM slow_endpoints"
    assert rows(client, sql) == [
        ("nginx", "GET /orders/{id}", 400, 4, 0.01, 8000, 20),
        ("web", "/buy", 8, 0, 0, None, None),
    ]


def test_lines_of_a_request_are_no_requests_of_an_endpoint() -> None:
    """They name its route; what has a status is a request."""
    with passing_store() as store:
        store.execute(
            "INSERT INTO rollup_minute BY NAME SELECT TIMESTAMPTZ '2026-01-01 00:00:00Z' AS minute, 'web' AS service, "
            "9 AS severity, 'http' AS operation_kind, 'GET /cart' AS operation, 0 AS bytes, * "
            "FROM (VALUES (NULL, 21), (200, 9), (500, 1)) AS counted(http_status, events)"
        )
        found = store.execute("SELECT requests, server_errors, error_share FROM slow_endpoints()")
    assert found == [(10, 1, 0.1)]


def test_latency_over_time_splits_what_latency_by_operation_sums(client: duckdb.DuckDBPyConnection) -> None:
    """Steps begin at whole multiples of the width."""
    sql = "SELECT starts_at::VARCHAR, events FROM latency_over_time(INTERVAL 12 HOUR) WHERE service = 'worker'"
    assert rows(client, sql) == [
        ("2026-01-01 00:00:00+00", 1),
        ("2026-01-01 12:00:00+00", 2),
        ("2026-01-02 00:00:00+00", 1),
        ("2026-01-02 12:00:00+00", 1),
    ]
    assert rows(client, "SELECT events, total_ms FROM latency_by_operation WHERE service = 'worker'") == [(5, 50_000)]


def test_volume_by_stream_and_log_bytes_count_the_same_bytes(client: duckdb.DuckDBPyConnection) -> None:
    """From the roll-ups and from the events alike; shares add up to one."""
    [volume] = rows(client, "SELECT sum(bytes)::INT, sum(events)::INT, sum(byte_share) FROM volume_by_stream")
    [by_line] = rows(client, "SELECT sum(bytes)::INT, sum(events)::INT, sum(byte_share) FROM log_bytes")
    assert volume == by_line == (203_840, 1422, pytest.approx(1))


def test_log_bytes_fall_back_from_line_to_logger_to_file(client: duckdb.DuckDBPyConnection) -> None:
    """An access log has neither a line of code nor a logger."""
    assert rows(client, "SELECT service, source, bytes, events FROM log_bytes LIMIT 3") == [
        ("nginx", "access.log", 100_000, 400),
        ("web", "orders:find:42", 100_000, 1000),
        ("web", "shop.views", 1_200, 2),
    ]


def test_business_events_count_users(client: duckdb.DuckDBPyConnection) -> None:
    """An event counts under its own name, also where the request's route is known."""
    sql = "SELECT event, service, events, users, last_attributes FROM business_events"
    assert rows(client, sql) == [("order_placed", "web", 8, 2, '{"total": 7}')]


def test_a_view_works_in_an_attached_database(shop: Path) -> None:
    """Views by their qualified name; macros after USE."""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{shop}' AS logs (READ_ONLY)")
        assert len(rows(connection, "SELECT service FROM logs.errors_by_service")) == 3
        connection.execute("USE logs")
        assert len(rows(connection, "SELECT service FROM errors_by_service(INTERVAL 1 DAY)")) == 3


def test_a_trace_is_all_events_of_it_in_order(tmp_path: Path) -> None:
    """By trace or by request, whatever the service."""
    with Store.open(tmp_path / "logs.duckdb") as store:
        store.execute(
            "INSERT INTO events (ts, service, trace_id, request_id, severity, source_id, source_pos, bytes) VALUES"
            " ('2026-01-01 00:00:02Z', 'web', 't1', NULL, 9, 1, 0, 1),"
            " ('2026-01-01 00:00:01Z', 'db', 't1', 'r1', 9, 2, 5, 1),"
            " ('2026-01-01 00:00:01Z', 'web', 't2', 'r2', 9, 1, 2, 1)"
        )
        assert store.execute("SELECT source_pos FROM trace('t1')") == [(5,), (0,)]
        assert store.execute("SELECT source_pos FROM trace('r2')") == [(2,)]


def test_every_view_answers_on_an_empty_store(tmp_path: Path) -> None:
    """Before the first ingest there are no rows, and no errors."""
    with Store.open(tmp_path / "logs.duckdb") as store:
        views = store.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal")
        assert len(views) >= 10
        assert [store.execute(f'FROM "{name}"') for (name,) in views] == [[]] * len(views)


@pytest.fixture(scope="module")
def scratch() -> Iterator[Store]:
    with Store.open(":memory:") as store:
        yield store


@settings(max_examples=25)
@given(st.lists(st.floats(min_value=0.001, max_value=1e7) | st.integers(0, 100), min_size=1, max_size=200))
def test_percentiles_lie_in_the_bucket_of_the_exact_ones(scratch: Store, durations: list[float]) -> None:
    """Of any durations, the estimate is within a factor of 2^(1/8) of the nearest-rank quantile; zero is exact."""
    scratch.execute("BEGIN")
    try:
        scratch.execute(
            "INSERT INTO events (ts, service, event, duration_ms, severity, source_id, source_pos, bytes)"
            " SELECT '2026-01-01 00:00:00Z', 'web', 'work', unnest(?::DOUBLE[]), 9, 1, 0, 1",
            [durations],
        )
        rollup.roll_up(scratch.connection, "events")
        [estimates] = scratch.execute("SELECT p50_ms, p90_ms, p95_ms, p99_ms, max_ms, events FROM latency_by_operation")
    finally:
        scratch.execute("ROLLBACK")
    ordered = sorted(durations)
    for percent, estimate in zip((50, 90, 95, 99), estimates, strict=False):
        exact = ordered[math.ceil(percent * len(ordered) / 100) - 1]
        assert exact / WIDTH <= estimate <= exact * WIDTH
    assert estimates[4:] == (ordered[-1], len(ordered))

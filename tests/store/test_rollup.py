"""Roll-ups add up to the events, under bounded names."""

import pytest

from logpipe.store import Store, rollup


@pytest.fixture
def store() -> Store:
    store = Store.open(":memory:")
    store.execute(
        """
        INSERT INTO events (ts, service, event, duration_ms, severity, source_id, source_pos, bytes)
        SELECT TIMESTAMPTZ '2026-01-01 00:00:00Z' + i * INTERVAL 3 SECOND, 'web', 'e' || (i % 7), i, 9, 1, i, 100
        FROM range(1000) AS numbers(i)
        """
    )
    return store


def test_counts_and_sums_add_up_over_batches(store: Store) -> None:
    """Two batches of the same events count twice, no more and no less."""
    for _ in range(2):
        with store.transaction() as connection:
            rollup.roll_up(connection, "events")
    assert store.execute("SELECT sum(events)::INT, sum(bytes)::INT FROM rollup_minute") == [(2000, 200_000)]
    assert store.execute("SELECT sum(events)::INT, sum(sum_ms), max(max_ms) FROM latency_minute") == [
        (2000, 999_000.0, 999.0)
    ]


def test_operations_past_the_cap_are_counted_as_other(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of a service are bounded, and what is past the bound stays visible."""
    monkeypatch.setattr(rollup, "MAX_OPERATIONS_PER_SERVICE", 3)
    for _ in range(2):
        with store.transaction() as connection:
            rollup.roll_up(connection, "events")
    names = store.execute("SELECT operation, sum(events)::INT FROM rollup_minute GROUP BY ALL ORDER BY ALL")
    assert names == [("e0", 286), ("e1", 286), ("e2", 286), ("other", 1142)]
    assert store.execute("SELECT count(*) FROM operations") == [(3,)]


def test_requests_are_counted_by_status(store: Store) -> None:
    """What is no status adds no row: it is counted with those that have none."""
    store.execute("DELETE FROM events")
    store.execute(
        """
        INSERT INTO events (ts, service, http_route, http_status, severity, source_id, source_pos, bytes)
        SELECT TIMESTAMPTZ '2026-01-01 00:00:00Z', 'web', '/', unnest([200, 200, 100, 599, NULL, 0, 99, 600, 65535]),
            9, 1, 0, 100
        """
    )
    with store.transaction() as connection:
        rollup.roll_up(connection, "events")
    rows = store.execute("SELECT http_status, operation_kind, events FROM rollup_minute ORDER BY ALL")
    assert rows == [(100, "http", 1), (200, "http", 2), (599, "http", 1), (None, "http", 5)]
    assert store.execute("SELECT requests, server_errors FROM slow_endpoints") == [(4, 1)]


def test_a_bucket_holds_its_upper_bound(store: Store) -> None:
    """Bucket i holds (2^(i/8), 2^((i+1)/8)]; zero has a bucket of its own."""
    for value in (0.001, 0.5, 1.0, 7.99, 8.0, 8.01, 12345.6):
        [(upper, below)] = store.execute(
            "SELECT latency_bucket_upper_ms(b), latency_bucket_upper_ms(b - 1) FROM (SELECT latency_bucket(?) AS b)",
            [value],
        )
        assert below < value <= upper
    assert store.execute("SELECT latency_bucket_upper_ms(latency_bucket(0))") == [(0.0,)]


def test_a_query_is_counted_without_its_values(store: Store) -> None:
    """Literals and lists of them do not make new operations."""
    one = "SELECT * FROM orders WHERE id = 12 AND state IN ('a', 'b') -- from web"
    other = "select *\n from orders where id=7 and state in ('it''s')"
    [(first, second)] = store.execute("SELECT query_fingerprint(?), query_fingerprint(?)", [one, other])
    assert first == "select * from orders where id = ? and state in(?+)"
    assert second == "select * from orders where id=? and state in(?+)"

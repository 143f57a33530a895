"""Roll-ups counted anew are what they were, and rows merged add up as before."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from logpipe.store import Store, rebuild
from logpipe.store.merge import merge
from logpipe.store.retention import Policy, retain
from logpipe.store.rollup import roll_up
from tests.store.rollups import sums
from tests.stores import copied


@pytest.fixture(scope="module")
def batched(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small shop, its roll-ups written in three batches."""
    path = copied(shop, tmp_path_factory.mktemp("batched") / "logs.duckdb")
    with Store.open(path) as store:
        store.execute("DELETE FROM rollup_minute")
        store.execute("DELETE FROM latency_histogram")
        for part in range(3):
            with store.transaction() as connection:
                roll_up(connection, f"(FROM events WHERE source_pos % 3 = {part})")
    return path


@pytest.fixture
def store(batched: Path, tmp_path: Path) -> Store:
    return Store.open(copied(batched, tmp_path / "logs.duckdb"))


@pytest.mark.parametrize("piece", [pytest.param(10, marks=pytest.mark.long), 200, 1_000_000])
def test_a_rebuild_gives_the_same_numbers(store: Store, monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    """Also of what was lost, and of what should not be there."""
    monkeypatch.setattr(rebuild, "PIECE_EVENTS", piece)
    before = sums(store)
    [(minutes,)] = store.execute("SELECT count(DISTINCT minute) FROM rollup_minute")
    assert rebuild.rebuild(store) == rebuild.Rebuilt(minutes, 0)
    assert sums(store) == before
    store.execute("DELETE FROM rollup_minute WHERE minute = (SELECT min(minute) FROM rollup_minute)")
    store.execute("UPDATE latency_histogram SET buckets = buckets[2:]")
    store.execute(
        "INSERT INTO rollup_minute BY NAME SELECT * REPLACE (minute - INTERVAL 9 DAY AS minute) FROM rollup_minute"
    )
    assert sums(store) != before
    rebuild.rebuild(store)
    assert sums(store) == before


def test_what_outlived_its_events_is_kept(store: Store) -> None:
    """A minute of which an event has expired is not counted anew."""
    before = sums(store)
    [(middle,)] = store.execute("SELECT epoch(approx_quantile(ts, 0.5)) + 7 FROM events")
    list(retain(store, Policy(default=timedelta(seconds=1)), datetime.fromtimestamp(middle, UTC)))
    [(left,)] = store.execute("SELECT count(DISTINCT minute) FROM expired")
    assert left > 1
    assert rebuild.rebuild(store).left == left
    assert sums(store) == before


def test_settled_minutes_keep_what_outlived_its_events(store: Store) -> None:
    """Where some events have expired and others are replaced, only the replaced ones change the counts."""
    list(retain(store, Policy(levels={"INFO": timedelta(days=1)}), datetime.now(UTC)))
    before = dict(store.execute("SELECT level, sum(events)::BIGINT FROM rollup_minute GROUP BY ALL"))
    with store.transaction() as connection:
        connection.execute(
            "CREATE TEMP TABLE touched AS SELECT DISTINCT date_trunc('minute', ts) AS minute FROM events"
        )
        with rebuild.settled(connection, "touched"):
            connection.execute("UPDATE events SET level = 'CRITICAL', severity = 21 WHERE level = 'ERROR'")
    after = dict(store.execute("SELECT level, sum(events)::BIGINT FROM rollup_minute GROUP BY ALL"))
    assert after.pop("CRITICAL") == before.pop("ERROR") + before.pop("CRITICAL", 0)
    assert "ERROR" not in after
    assert after == before


def test_merging_keeps_the_sums(store: Store) -> None:
    """One row a key is left, in the order of their first coming; a second time there is nothing to do."""
    before = sums(store)
    services = "SELECT service FROM rollup_minute GROUP BY service ORDER BY min(rowid)"
    order = store.execute(services)
    assert sum(merge(store)) > 0
    assert sums(store) == before
    assert store.execute(services) == order
    for table, keys in (
        ("rollup_minute", "events, bytes"),
        ("latency_histogram", "buckets"),
        ("latency_minute", "events, sum_ms, max_ms"),
    ):
        assert store.execute(f"SELECT * EXCLUDE ({keys}) FROM {table} GROUP BY ALL HAVING count(*) > 1") == []
    assert sum(merge(store)) == 0


def test_merging_histograms_takes_memory_by_what_there_is_to_merge(tmp_path: Path) -> None:
    """Not by all that stand there: many keys of many buckets, of which few stand in two rows."""
    with Store.open(tmp_path / "logs.duckdb") as store:
        store.execute(
            """
            INSERT INTO latency_histogram
            SELECT make_timestamptz((i // 100) * 60000000), 'shop', NULL, NULL, 'http', 'GET /' || i % 100,
                list_transform(range(30), lambda b: struct_pack(bucket := b, events := 1, sum_ms := 2, max_ms := 3))
            FROM range(200000) AS numbers(i)
            """
        )
        store.execute("INSERT INTO latency_histogram FROM latency_histogram WHERE operation = 'GET /7'")
        store.execute("CHECKPOINT")
        store.execute("SET memory_limit = '200MB'")
        store.execute("SET temp_directory = ''")
        assert sum(merge(store)) == 2000
        assert store.execute("SELECT count(*), sum(events)::INT FROM latency_minute") == [(6_000_000, 6_060_000)]

"""Retention removes what it should, nothing else, and the ledger still adds up."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from logpipe.ingest.audit.verify import verify
from logpipe.ingest.ingest import ingest
from logpipe.ingest.options import Options
from logpipe.store import Store, retention
from logpipe.store.retention import Policy, expiring, retain
from logpipe.store.volume import Volume, measure
from tests.ingest.logs import line, rest
from tests.stores import copied

NOW = datetime(2026, 3, 31, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Events of thirty days, one an hour and kind: app INFO, app DEBUG, performance INFO; and a torn line."""
    folder = tmp_path_factory.mktemp("ingested")
    log = folder / "app.jsonl"
    with log.open("wb") as file:
        for hour in range(30 * 24):
            at = (NOW - timedelta(hours=hour + 1)).isoformat()
            file.write(line(3 * hour, timestamp=at))
            file.write(line(3 * hour + 1, timestamp=at, level="DEBUG"))
            file.write(line(3 * hour + 2, timestamp=at, stream="performance", duration_ms=1.5))
        file.write(b'{"torn": \n')
    rest(log)
    with Store.open(folder / "logs.duckdb") as store:
        assert ingest(store, [str(log)], Options()).events == 30 * 24 * 3
    return folder / "logs.duckdb"


@pytest.fixture
def store(ingested: Path, tmp_path: Path) -> Store:
    return Store.open(copied(ingested, tmp_path / "logs.duckdb"))


def kept(store: Store) -> dict[tuple[str, str], int]:
    """Events by stream and level."""
    return {
        (stream, level): count
        for stream, level, count in store.execute("SELECT stream, level, count(*) FROM events GROUP BY ALL")
    }


def removed(store: Store, policy: Policy) -> int:
    """How many rows went."""
    return sum(share.count for piece in retain(store, policy, NOW) for share in piece)


def test_age_per_stream_and_level(store: Store) -> None:
    """Each by its own limit, the rest by the default; roll-ups stay, and verify is clean."""
    policy = Policy({"performance": 7 * DAY}, {"DEBUG": 2 * DAY}, 20 * DAY)
    before = store.execute("SELECT sum(events)::BIGINT FROM rollup_minute")
    foreseen = sum(share.count for share in expiring(store, policy, NOW))
    assert removed(store, policy) == foreseen > 0
    assert kept(store) == {("app", "INFO"): 20 * 24, ("app", "DEBUG"): 2 * 24, ("performance", "INFO"): 7 * 24}
    assert store.execute("SELECT sum(events)::BIGINT FROM rollup_minute") == before
    verdict = verify(store)
    assert not verdict.problems
    assert verdict.expired_events == foreseen
    assert removed(store, policy) == 0


def test_the_shorter_limit_wins(store: Store) -> None:
    """Where both a stream and a level have one; what nobody names stays without a default."""
    removed(store, Policy({"app": 5 * DAY}, {"DEBUG": 9 * DAY}))
    assert kept(store) == {("app", "INFO"): 120, ("app", "DEBUG"): 120, ("performance", "INFO"): 720}


def test_a_name_nobody_uses_removes_nothing(store: Store) -> None:
    """Nor does a limit that reaches back before the first event."""
    assert removed(store, Policy({"access": DAY}, {"CRITICAL": DAY}, 31 * DAY)) == 0


def test_rejects_expire_by_when_they_were_read(store: Store) -> None:
    """And are accounted for."""
    later = datetime.now(UTC) + DAY
    assert [share.what for piece in retain(store, Policy(rejects=timedelta(hours=1)), later) for share in piece] == [
        "rejects"
    ]
    assert store.execute("SELECT count(*) FROM rejects") == [(0,)]
    verdict = verify(store)
    assert (verdict.problems, verdict.expired_rejects) == ((), 1)


def test_what_receivers_refused_expires_as_events_do(store: Store) -> None:
    """By the event's time, or by when it was refused, and by the limit of what has none of its own."""
    store.execute(
        "INSERT INTO refusals SELECT 'loki:main', 1, 0, unnest(?::TIMESTAMPTZ[]), 'too old', unnest(?::TIMESTAMPTZ[])",
        [[None, None, NOW - 9 * DAY], [NOW - 9 * DAY, NOW - 2 * DAY, NOW - DAY]],
    )
    removed(store, Policy(rejects=DAY))
    assert store.execute("SELECT count(*) FROM refusals") == [(3,)]
    removed(store, Policy(default=5 * DAY))
    assert store.execute("SELECT refused_at FROM refusals") == [(NOW - 2 * DAY,)]


def test_an_interrupted_removal_is_whole_so_far(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces are transactions: between two of them everything adds up, and the next run takes the rest."""
    monkeypatch.setattr(retention, "PIECE_EVENTS", 300)
    pieces = retain(store, Policy(default=DAY), NOW)
    sizes = [sum(share.count for share in next(pieces)) for _ in range(3)]
    pieces.close()
    assert max(sizes) <= 303
    assert not verify(store).problems
    assert removed(store, Policy(default=DAY)) == 29 * 24 * 3 - sum(sizes)
    assert not verify(store).problems


def test_events_of_impossible_times_can_go(store: Store) -> None:
    """A wrong clock makes the oldest of all."""
    store.execute("UPDATE events SET ts = '-infinity' WHERE seq = 5")
    assert removed(store, Policy(default=400 * DAY)) == 1


def test_events_of_impossible_times_go_one_by_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first piece has the oldest of all, and not the newest, nor what lies between."""
    store.execute("UPDATE events SET ts = if(seq = 5, '-infinity', 'infinity')::TIMESTAMPTZ WHERE seq IN (5, 6)")
    monkeypatch.setattr(retention, "PIECE_EVENTS", 100)
    pieces = retain(store, Policy(max_bytes=1), NOW)
    assert sum(share.count for share in next(pieces)) <= 103
    pieces.close()
    assert store.execute("SELECT ts::VARCHAR FROM events WHERE isinf(ts)") == [("infinity",)]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three row groups of events and a bit, a second each, the oldest first."""
    path = tmp_path_factory.mktemp("filled") / "large.duckdb"
    with Store.open(path) as store:
        store.execute(
            "INSERT INTO events (ts, level, stream, service, message, severity, source_id, source_pos, bytes) "
            "SELECT TIMESTAMPTZ '2026-01-01 00:00:00+00' + i * INTERVAL 1 SECOND, 'INFO', 'app', 'shop', "
            "md5(i::VARCHAR) || md5((i + 1)::VARCHAR), 9, 1, i * 100, 100 FROM range(400000) AS numbers (i)"
        )
        retention.reclaim(store)
    return path


@pytest.fixture
def large(filled: Path, tmp_path: Path) -> Store:
    return Store.open(copied(filled, tmp_path / "large.duckdb"))


@pytest.mark.parametrize(
    "percents", [(90, 12), *(pytest.param((percent,), marks=pytest.mark.long) for percent in (60, 30, 12))]
)
def test_the_oldest_go_while_the_database_is_too_large(large: Store, percents: Sequence[int]) -> None:
    """By the size of the data: no more than must, whether or not whole row groups go; an estimate comes near."""
    used, gone = measure(large).used, 0
    for percent in percents:
        policy = Policy(max_bytes=used * percent // 100)
        foreseen = retention.too_many(large, policy)
        now_gone = removed(large, policy)
        gone += now_gone
        assert used * (percent - 7) // 100 < measure(large).used <= used * percent // 100
        assert foreseen == pytest.approx(now_gone, abs=60_000)
        assert retention.too_many(large, policy) == 0
        assert large.execute("SELECT count(*), min(source_pos)::BIGINT FROM events") == [(400_000 - gone, gone * 100)]


def test_events_that_stand_in_any_order_go_no_further_than_must(large: Store) -> None:
    """The oldest are a few of each row group then: what is left of the groups is written again."""
    large.execute("CREATE TEMP TABLE all_of_them AS FROM events WHERE source_pos < 140_000 * 100")
    large.execute("DELETE FROM events")
    large.execute("INSERT INTO events FROM all_of_them ORDER BY hash(source_pos)")
    retention.reclaim(large)
    used = measure(large).used
    gone = removed(large, Policy(max_bytes=used * 8 // 10))
    assert used * 7 // 10 < measure(large).used <= used * 8 // 10
    kept = "SELECT count(*), count(DISTINCT source_pos), min(source_pos)::BIGINT FROM events"
    assert large.execute(kept) == [(140_000 - gone, 140_000 - gone, gone * 100)]


def test_no_more_goes_while_somebody_still_sees_what_went(large: Store) -> None:
    """Its room becomes free when that query has ended, and then only what is still too much goes."""
    used = measure(large).used
    with large.connection.cursor() as reader:
        reader.begin()
        reader.execute("SELECT count(*) FROM events").fetchall()
        gone = removed(large, Policy(max_bytes=used * 6 // 10))
        assert gone < 240_000
        reader.rollback()
    more = removed(large, Policy(max_bytes=used * 6 // 10))
    assert gone + more < 240_000
    assert measure(large).used <= used * 6 // 10


def test_room_is_what_is_free_on_the_volume_and_in_the_file() -> None:
    """A file does not shrink; what is free in it is room all the same."""
    volume = Volume(file=50, used=30, free=60)
    assert retention.excess_bytes(Policy(min_room_bytes=100), volume) == 20
    assert retention.excess_bytes(Policy(min_room_bytes=80), volume) == 0
    assert retention.excess_bytes(Policy(min_room_bytes=100, max_bytes=5), volume) == 25

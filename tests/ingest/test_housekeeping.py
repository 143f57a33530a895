"""A long ingest keeps house by itself, a piece at a time."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from logpipe.ingest import housekeeping
from logpipe.ingest.audit.verify import verify
from logpipe.ingest.follow import follow
from logpipe.ingest.housekeeping import Housekeeping
from logpipe.ingest.ingest import Ingester, ingest
from logpipe.ingest.options import Options
from logpipe.store import Store, retention
from logpipe.store.retention import Policy, reclaim
from logpipe.store.volume import measure
from tests.ingest.logs import line, rest
from tests.store.rollups import sums
from tests.stores import copied


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty commits of the same minute, to be copied."""
    folder = tmp_path_factory.mktemp("committed")
    log, database = folder / "app.jsonl", folder / "logs.duckdb"
    with Store.open(database) as store:
        for number in range(20):
            with log.open("ab") as file:
                file.write(line(number, level="DEBUG" if number % 2 else "INFO"))
            rest(log, 3600 - number)
            ingest(store, [str(log)], Options())
        assert store.execute("SELECT count(*) FROM rollup_minute") == [(20,)]
    return database


@pytest.fixture
def many_commits(committed: Path, tmp_path: Path) -> Iterator[Store]:
    with Store.open(copied(committed, tmp_path / "many.duckdb")) as store:
        yield store


def test_nothing_is_done_before_it_is_due(many_commits: Store) -> None:
    """Not at the start, which may be one of many."""
    house = Housekeeping(Policy(default=timedelta(days=1)))
    house.step(many_commits)
    assert house.removed == 0
    assert many_commits.execute("SELECT count(*) FROM rollup_minute") == [(20,)]


def test_old_events_go_and_rows_are_merged(
    many_commits: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Piece by piece; the sums stay, and verify agrees after each; once round, the log says what was done."""
    caplog.set_level("INFO", "logpipe.ingest")
    monkeypatch.setattr(retention, "PIECE_EVENTS", 1)
    before = sums(many_commits)
    [(before_rows,)] = many_commits.execute("SELECT count(*) FROM rollup_minute")
    house = Housekeeping(Policy(levels={"DEBUG": timedelta(days=1)}), every_s=0)
    for _ in range(8):
        house.step(many_commits)
        assert not verify(many_commits).problems
    assert house.removed == 10
    assert many_commits.execute("SELECT count(*) FROM events") == [(10,)]
    assert many_commits.execute("SELECT count(*) FROM rollup_minute") == [(2,)]
    assert sums(many_commits) == before
    rounds = [record.__dict__ for record in caplog.records if record.__dict__.get("event") == "housekeeping"]
    assert sum(done["removed"] for done in rounds) == 10
    assert sum(done["merged"] for done in rounds) == before_rows - 2


def test_following_keeps_house(logs: Path, store: Store) -> None:
    """Between sweeps."""
    (logs / "app.jsonl").write_bytes(line(1))
    rest(logs / "app.jsonl")
    stop = threading.Event()
    house = Housekeeping(Policy(default=timedelta(days=1)), every_s=0)

    def keep_house() -> None:
        house.step(store)
        if house.removed:
            stop.set()

    def complain(trouble: Any) -> None:
        raise AssertionError(trouble)

    follow(Ingester(store, Options(following=True)), [str(logs)], stop, complain, between=keep_house)
    assert store.execute("SELECT count(*) FROM events") == [(0,)]
    assert not verify(store).problems


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Events of a few row groups, to be copied."""
    path = tmp_path_factory.mktemp("filled") / "large.duckdb"
    with Store.open(path) as store:
        store.execute(
            "INSERT INTO events (ts, level, stream, service, message, severity, source_id, source_pos, bytes) "
            "SELECT TIMESTAMPTZ '2026-01-01 00:00:00+00' + i * INTERVAL 1 SECOND, 'INFO', 'app', 'shop', "
            "md5(i::VARCHAR) || md5((i + 1)::VARCHAR), 9, 1, i * 100, 100 FROM range(400000) AS numbers (i)"
        )
        reclaim(store)
    return path


@pytest.fixture
def large(filled: Path, tmp_path: Path) -> Iterator[Store]:
    with Store.open(copied(filled, tmp_path / "large.duckdb")) as store:
        yield store


def test_what_is_too_much_goes_at_once(large: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Long before the next round is due, also when the handle was dead after the volume was full."""
    wanted = measure(large).used * 6 // 10
    house = Housekeeping(Policy(max_bytes=wanted))
    large.connection.close()
    house.step(large)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    large.reopen()
    house.step(large)
    assert measure(large).used <= wanted
    assert house.removed > 0


def test_what_would_be_removed_in_vain_stays(large: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a long query sees what was removed, no room is freed; more is removed only after a while."""
    monkeypatch.setattr(housekeeping, "LOOK_S", 0.0)
    house = Housekeeping(Policy(max_bytes=measure(large).used * 6 // 10))
    with large.connection.cursor() as reader:
        reader.begin()
        reader.execute("SELECT count(*) FROM events").fetchall()
        house.step(large)
        removed = house.removed
        for _ in range(3):
            house.step(large)
    assert 0 < removed == house.removed < 400_000

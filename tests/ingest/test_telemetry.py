"""Ingest tells of itself: in the store, and in a log of its own that it never reads."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from logpipe.ingest import telemetry
from logpipe.ingest.files.discovery import find
from logpipe.ingest.follow import follow
from logpipe.ingest.ingest import Ingester
from logpipe.ingest.options import Options
from logpipe.store import Store, run_file
from tests.ingest.logs import Take, line, rest
from tests.store.owners import following, until


def test_what_was_done_for_each_source_is_in_the_store(logs: Path, take: Take, store: Store) -> None:
    """As much as the ledger says, with the time it took."""
    (logs / "app.jsonl").write_bytes(line(1) * 30 + b"{torn\n")
    (logs / "web.jsonl").write_bytes(line(2) * 5)
    rest(logs / "app.jsonl")
    rest(logs / "web.jsonl")
    take()
    told = store.execute("SELECT source_id, bytes, lines, rejects, batches FROM telemetry ORDER BY source_id")
    assert told == store.execute(
        "SELECT source_id, sum(to_pos - from_pos), sum(lines), sum(rejects), count(*) FROM ledger "
        "GROUP BY source_id ORDER BY source_id"
    )
    assert [row[3] for row in told] == [1, 0]
    assert store.execute(
        "SELECT bool_and(batch_s > 0 AND commit_s > 0 AND slowest_commit_s <= commit_s) FROM telemetry"
    ) == [(True,)]
    assert store.execute("SELECT max(lag_bytes), max(lag_s) FROM telemetry") == [(0, 0.0)]


def test_nothing_is_told_where_nothing_was_done(logs: Path, take: Take, store: Store) -> None:
    """An ingest that finds nothing new leaves no row."""
    (logs / "app.jsonl").write_bytes(line(1))
    rest(logs / "app.jsonl")
    take()
    take()
    assert store.execute("SELECT count(*) FROM telemetry") == [(1,)]


def test_a_source_that_is_behind_says_how_much_and_for_how_long(logs: Path, store: Store) -> None:
    """A line that is not ended yet is unread; the row is written although nothing was done."""
    (logs / "app.jsonl").write_bytes(line(1) + b'{"half')
    files, _ = find([str(logs)])
    ingester = Ingester(store, Options(following=True))
    ingester.sweep(files)
    ingester.sweep(files, last=True)
    ingester.close()
    [(lag_bytes, lag_s)] = store.execute("SELECT max(lag_bytes), max(lag_s) FROM telemetry")
    assert lag_bytes == len(b'{"half')
    assert lag_s > 0


def test_the_table_is_bounded_and_its_sums_stay(
    logs: Path, take: Take, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the limit the oldest rows become one."""
    monkeypatch.setattr(telemetry, "MOST_ROWS", 6)
    for number in range(12):
        with (logs / "app.jsonl").open("ab") as file:
            file.write(line(number))
        rest(logs / "app.jsonl", 3600 - number)
        take()
        assert store.execute("SELECT count(*) <= 7 FROM telemetry") == [(True,)]
    assert store.execute("SELECT sum(lines), sum(batches), sum(bytes) FROM telemetry") == [
        (12, 12, (logs / "app.jsonl").stat().st_size)
    ]
    assert store.execute("SELECT count(*) FROM telemetry WHERE minute IS NULL AND source_id IS NULL") == [(1,)]


def test_the_files_of_the_ingest_itself_are_not_read(tmp_path: Path, logs: Path) -> None:
    """Database, write-ahead log, run file and own log, under whatever name; told once each."""
    with Store.open(logs / "store.log") as store:
        own = logs / "pipeline.jsonl"
        own.write_bytes(line(1))
        (logs / "pipeline.20260312T101112.123456Z-77.jsonl").write_bytes(line(2))
        run_file.path_of(store.url).write_bytes(line(3))
        (logs / "app.jsonl").write_bytes(line(4))
        (tmp_path / "link").symlink_to(logs)
        told: list[str] = []
        stop = threading.Event()
        ingester = Ingester(store, Options(following=True, own_log=str(tmp_path / "link" / "pipeline.jsonl")))
        sweeps = iter(range(4))

        def between() -> None:
            with own.open("ab") as file:
                file.write(line(5))
            if next(sweeps) == 3:
                stop.set()

        follow(ingester, [str(logs)], stop, lambda trouble: told.append(trouble.message), between=between)
        assert store.execute("SELECT seq FROM events") == [(4,)]
        assert store.execute("SELECT count(*) FROM sources") == [(1,)]
    names = ("pipeline.20260312T101112.123456Z-77.jsonl", "pipeline.jsonl", "store.log", "store.log.run")
    assert sorted(told) == [f"{logs / name} is written by logpipe itself, and is not read" for name in names]


def test_following_a_folder_that_holds_all_of_it(tmp_path: Path) -> None:
    """The command logs what it did as JSON lines, and takes in none of it."""
    database = tmp_path / "logs.duckdb"
    log = tmp_path / "app.log"
    log.write_bytes(line(1) * 30 + b"{torn\n")
    own = tmp_path / "logs.duckdb.ingest.log"
    with following(database, tmp_path) as owner:
        until(lambda: _events(own, "file_found"))
        log.rename(tmp_path / "app.log.1")
        log.write_bytes(line(2))
        until(lambda: len(_events(own, "file_found")) == 2)
        owner.terminate()
        assert owner.wait(30) == 0
    assert {event["source"] for event in _events(own, "file_found")} == {str(log)}
    [rotated] = _events(own, "file_rotated")
    assert (rotated["source"], rotated["renamed_to"]) == (str(log), f"{log}.1")
    [rejected] = _events(own, "lines_rejected")
    assert (rejected["level"], rejected["reasons"]) == ("WARNING", {"malformed_json": 1})
    [ended] = _events(own, "following_ended")
    assert (ended["events"], ended["rejects"], ended["service"]) == (31, 1, "logpipe")
    with Store.open(database) as store:
        assert store.execute("SELECT count(*) FROM events") == [(31,)]
        assert store.execute("SELECT count(*), sum(lines) FROM telemetry") == [(2, 32)]


def _events(own: Path, event: str) -> list[dict[str, Any]]:
    written = own.read_bytes().rpartition(b"\n")[0] if own.exists() else b""  # of the last line there may be half
    lines = [orjson.loads(text) for text in written.splitlines()]
    return [record for record in lines if record["event"] == event]


def test_a_log_file_goes_with_follow(tmp_path: Path, logs: Path, logpipe: Callable[..., Any]) -> None:
    """Without that it is a mistake."""
    refused = logpipe("ingest", str(logs), "--db", str(tmp_path / "logs.duckdb"), "--log-file", str(tmp_path / "own"))
    assert refused.returncode == 2
    assert not (tmp_path / "own").exists()

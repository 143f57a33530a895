"""Following files while they grow, rotate and go."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from logpipe.errors import StoreError
from logpipe.ingest import follow as follow_module
from logpipe.ingest import losses
from logpipe.ingest.audit.verify import verify
from logpipe.ingest.files import ending
from logpipe.ingest.files.discovery import LogFile
from logpipe.ingest.follow import follow
from logpipe.ingest.ingest import Ingester, ingest
from logpipe.ingest.loading import cut
from logpipe.ingest.options import Options
from logpipe.store import Store
from tests.ingest.logs import line

DEADLINE_S = 60.0


@contextmanager
def following(database: Path, *paths: Path) -> Iterator[Callable[[str], object]]:
    """A thread that follows the paths; gives a function that asks its store."""
    store = Store.open(database)
    ingester = Ingester(store, Options(following=True))
    reader = store.connection.cursor()
    stop = threading.Event()
    thread = threading.Thread(target=follow, args=(ingester, [str(path) for path in paths], stop, lambda _: None))
    thread.start()
    try:
        yield lambda sql: reader.execute(sql).fetchall()
    finally:
        stop.set()
        thread.join()
        store.close()


def until(ask: Callable[[str], object], sql: str, expected: object) -> None:
    """Ask again until the answer is as expected."""
    deadline = time.monotonic() + DEADLINE_S
    while (answer := ask(sql)) != expected:
        assert time.monotonic() < deadline, f"still {answer}, expected {expected}"
        threading.Event().wait(0.02)


def append(path: Path, numbers: range) -> None:
    with path.open("ab") as file:
        file.writelines(line(number) for number in numbers)


def test_growth_and_new_files_are_seen(tmp_path: Path, logs: Path) -> None:
    """Lines come in as they are written, also those of files that did not exist before."""
    with following(tmp_path / "logs.duckdb", logs) as ask:
        append(logs / "app.log", range(50))
        until(ask, "SELECT count(*) FROM events", [(50,)])
        append(logs / "app.log", range(50, 80))
        append(logs / "other.log", range(80, 100))
        until(ask, "SELECT count(*), count(DISTINCT seq) FROM events", [(100, 100)])


def test_a_name_that_is_no_utf_8_does_not_end_it(tmp_path: Path, logs: Path) -> None:
    """The other files of its folder are followed."""
    with following(tmp_path / "logs.duckdb", logs) as ask:
        append(Path(os.fsdecode(os.fsencode(logs) + b"/caf\xe9.jsonl")), range(5))
        append(logs / "app.jsonl", range(5))
        until(ask, "SELECT count(*) FROM events", [(5,)])
        append(logs / "app.jsonl", range(5, 10))
        until(ask, "SELECT count(*) FROM events", [(10,)])


@pytest.mark.parametrize("named", [True, False])
def test_rotation_while_following_loses_nothing(tmp_path: Path, logs: Path, named: bool) -> None:
    """Six rotations by rename, the followed path being the folder or the file alone."""
    path = logs / "app.log"
    with following(tmp_path / "logs.duckdb", path if named else logs) as ask:
        for generation in range(6):
            append(path, range(generation * 20, generation * 20 + 10))
            until(ask, f"SELECT count(*) >= {generation * 20 + 10} FROM events", [(True,)])
            append(path, range(generation * 20 + 10, generation * 20 + 20))
            path.rename(logs / f"app.log.{6 - generation}")
        until(ask, "SELECT count(*), count(DISTINCT seq) FROM events", [(120, 120)])
    with Store.open(tmp_path / "logs.duckdb") as store:
        assert not verify(store).problems
        assert store.execute("SELECT count(*) FROM gaps") == [(0,)]


def test_a_traceback_written_late_belongs_to_its_error(
    tmp_path: Path, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last record waits for what may follow it, here however busy the machine."""
    monkeypatch.setattr(ending, "FINAL_AFTER_S", 3600.0)
    path = logs / "legacy.log"
    head = "2026-03-12 10:00:00,000 ERROR shop.orders: order 17 failed\n"
    trace = 'Traceback (most recent call last):\n  File "x.py", line 1, in y\n    z()\nValueError: no\n'
    with following(tmp_path / "logs.duckdb", logs) as ask:
        path.write_text(head.replace("ERROR", "INFO") * 3 + head)
        until(ask, "SELECT count(*) FROM events", [(3,)])
        with path.open("a") as file:
            file.write(trace + head.replace("ERROR", "INFO"))
        until(ask, "SELECT exception_type, exception_message FROM events WHERE level = 'ERROR'", [("ValueError", "no")])


def test_the_half_line_of_a_deleted_file_is_kept(tmp_path: Path, logs: Path) -> None:
    """Its writer may still be at it; when it rests, what there is of the line is a reject."""
    path = logs / "app.log"
    with following(tmp_path / "logs.duckdb", logs) as ask:
        path.write_bytes(line(0) + b'{"unfinished')
        until(ask, "SELECT count(*) FROM events", [(1,)])
        path.unlink()
        until(ask, "SELECT reason, raw FROM rejects", [("unterminated", b'{"unfinished')])
        until(ask, "SELECT count(*) FROM gaps", [(0,)])


def test_a_record_that_waited_survives_the_truncation_of_its_file(
    tmp_path: Path, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines of a record that may go on are nowhere else any more, and come in from memory; who watched, however busy
    the machine, tells no gap.
    """
    monkeypatch.setattr(losses, "_WATCHED_S", 3600.0)
    monkeypatch.setattr(ending, "FINAL_AFTER_S", 3600.0)
    path = logs / "legacy.log"
    head = "2026-03-12 10:00:00,000 ERROR shop.orders: order 17 failed\n"
    with following(tmp_path / "logs.duckdb", logs) as ask:
        path.write_text(head * 4 + "Traceback (most recent call last):\nValueError: no\n")
        until(ask, "SELECT count(*) FROM events", [(3,)])
        path.write_text(head.replace("17", "18") * 2)
        until(ask, "SELECT count(*) FROM events WHERE exception_type = 'ValueError'", [(1,)])
        until(ask, "SELECT count(*) >= 5 FROM events", [(True,)])
    with Store.open(tmp_path / "logs.duckdb") as store:
        assert store.execute("FROM gaps") == []
        assert not verify(store).problems


def test_what_was_piped_in_is_read_to_its_end(
    store: Store, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it came faster than it is loaded; nothing of it is missed afterwards, when its file is gone."""
    monkeypatch.setattr("logpipe.ingest.ingest._SLICE_BYTES", 2000)
    monkeypatch.setattr("logpipe.ingest.ingest.SWEEP_S", 0.0)
    spool = tmp_path / "standard input"
    append(spool, range(500))
    ended = threading.Event()
    ended.set()
    ingester = Ingester(store, Options(following=True, spool=str(spool)))
    follow(ingester, [str(spool)], ended, lambda _: None)
    assert store.execute("SELECT count(*), count(DISTINCT seq) FROM events") == [(500, 500)]
    spool.unlink()
    append(logs / "app.log", range(1))
    assert not ingest(store, [str(logs)], Options()).warnings
    assert store.execute("FROM gaps") == []
    assert not verify(store).problems


def test_retention_works_while_there_is_much_to_read(store: Store, logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And before the database is tried again that refused."""
    monkeypatch.setattr("logpipe.ingest.ingest._SLICE_BYTES", 2000)
    monkeypatch.setattr(cut, "_FIRST_SCANNED_BYTES", 1000)
    monkeypatch.setattr(cut, "_SCANNED_ROWS", 10)
    monkeypatch.setattr(follow_module, "RETRY_S", 0.01)
    append(logs / "app.log", range(500))
    stop, refusals = threading.Event(), [StoreError("no room"), StoreError("no room")]
    kept: list[bool] = []
    ingester = Ingester(store, Options(following=True))
    sweep = ingester.sweep

    def refused(files: Iterable[LogFile], *, last: bool = False) -> None:
        if refusals and not last:
            raise refusals.pop()
        sweep(files, last=last)

    def keep_house() -> None:
        kept.append(ingester.behind)
        if kept.count(True) == 3 or len(kept) == 100:
            stop.set()

    monkeypatch.setattr(ingester, "sweep", refused)
    follow(ingester, [str(logs)], stop, lambda _: None, between=keep_house)
    assert kept.count(True) == 3
    assert len(kept) >= 5

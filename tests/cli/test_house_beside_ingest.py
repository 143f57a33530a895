"""Keeping house beside an ingest that goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from logpipe.store import Store
from tests.ingest.logs import line
from tests.store.owners import following, until
from tests.store.rollups import sums


def test_retention_and_rebuilding_go_through_the_owner(tmp_path: Path, logpipe: Callable[..., Any]) -> None:
    """Old events go and counts are made anew while lines come in; in the end everything adds up."""
    logs, database = tmp_path / "logs", tmp_path / "logs.duckdb"
    logs.mkdir()
    log = logs / "app.jsonl"
    log.write_bytes(b"".join(line(number, level="DEBUG" if number % 2 else "INFO") for number in range(2000)))

    def events() -> int:
        with Store.open(database, read_only=True) as store:
            return int(store.execute("SELECT count(*) FROM events")[0][0])

    with following(database, logs) as owner:
        until(lambda: events() == 2000)
        removed = logpipe("retain", "--level", "DEBUG=1d", "--db", str(database), "--json")
        assert removed.returncode == 0, removed.stderr
        assert orjson.loads(removed.stdout)["count"] == 1000
        with log.open("ab") as file:
            file.writelines(line(number, timestamp="2026-04-01T00:00:00Z") for number in range(500))
        rebuilt = logpipe("rollup", "rebuild", "--db", str(database))
        assert rebuilt.returncode == 0, rebuilt.stderr
        until(lambda: events() == 1500)
        rebuilt = logpipe("rollup", "rebuild", "--db", str(database))
        assert rebuilt.stderr.startswith("1 minute counted anew"), rebuilt.stderr
        owner.terminate()
        assert owner.wait(120) == 0
    with Store.open(database) as store:
        before = sums(store)
        assert sum(store.execute("SELECT sum(events) FROM rollup_minute")[0]) == 2500
    verified = logpipe("verify", "--db", str(database))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert logpipe("rollup", "rebuild", "--db", str(database)).returncode == 0
    with Store.open(database) as store:
        assert sums(store) == before

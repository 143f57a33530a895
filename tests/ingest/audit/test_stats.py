"""`logpipe stats` shows what is there, what is missing and how far behind the store is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from logpipe.ingest.audit.stats import stats
from logpipe.store import Store
from tests.ingest.logs import Take, line, rest


def test_lag_is_what_the_file_has_and_the_store_has_not(logs: Path, take: Take, store: Store) -> None:
    """In bytes, by the file as it is now; and in seconds, since something was last read."""
    log = logs / "app.jsonl"
    log.write_bytes(line(1))
    rest(log)
    take()
    assert stats(store).lag_bytes == 0
    with log.open("ab") as file:
        file.write(line(2) + line(3))
    [source] = stats(store).sources
    assert source["lag_bytes"] == len(line(2) + line(3))
    assert source["lag_s"] > 0
    take()
    [source] = stats(store).sources
    assert (source["lag_bytes"], source["lag_s"], source["bytes"]) == (0, 0.0, log.stat().st_size)


def test_lag_of_a_file_with_a_large_inode(logs: Path, take: Take, store: Store) -> None:
    """Some file systems use all 64 bits."""
    log = logs / "app.jsonl"
    log.write_bytes(line(1))
    take()
    store.execute("UPDATE sources SET device = $1, inode = $1", [2**64 - 1])
    assert stats(store).lag_bytes == 0


def test_volume_rejects_gaps_and_roll_ups(logs: Path, take: Take, store: Store) -> None:
    """By stream, source and reason."""
    log = logs / "app.jsonl"
    log.write_bytes(line(1) * 30 + line(2, stream="performance") + b"{torn\n" + b"{torn too\n")
    rest(log)
    take()
    store.execute("INSERT INTO gaps VALUES (1, 10, 60, 'overwritten', now())")
    found = stats(store)
    assert {row["stream"]: row["events"] for row in found.streams} == {"app": 30, "performance": 1}
    assert [(row["reason"], row["lines"]) for row in found.rejects] == [("malformed_json", 2)]
    assert [(row["reason"], row["bytes"]) for row in found.gaps] == [("overwritten", 50)]
    assert (found.sources[0]["gaps"], found.sources[0]["lost_bytes"]) == (1, 50)
    assert found.rollups[0]["rows"] == 2


def test_the_command_for_people_and_for_programs(
    logs: Path, take: Take, store: Store, logpipe: Callable[..., Any]
) -> None:
    """Tables, and one JSON object."""
    (logs / "app.jsonl").write_bytes(line(1))
    rest(logs / "app.jsonl")
    take()
    store.close()
    shown = logpipe("stats", "--db", store.url)
    assert shown.returncode == 0, shown.stderr
    assert "1 event of 1 source in " in shown.stdout
    assert "nothing waits to be read" in shown.stdout
    assert "rejects: none" in shown.stdout
    told = orjson.loads(logpipe("stats", "--json", "--db", store.url).stdout)
    assert told["lag_bytes"] == 0
    assert told["sources"][0]["events"] == 1
    assert told["volume"]["used"] > 0

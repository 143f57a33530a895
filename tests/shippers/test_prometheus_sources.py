"""The exposition tells how each log fares, by a bounded number of names."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from logpipe.ingest.ingest import ingest
from logpipe.ingest.options import Options
from logpipe.store import Store
from logpipe_shippers.prometheus import Limits, exposition
from tests.ingest.logs import line, rest
from tests.shippers.test_prometheus import key, named, read, tool


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "logs.duckdb") as store:
        yield store


def write(log: Path, data: bytes) -> None:
    with log.open("ab") as file:
        file.write(data)
    rest(log)


def take(store: Store, *paths: Path) -> None:
    ingest(store, [str(path) for path in paths], Options())


def test_a_log_keeps_its_series_through_rotation(tmp_path: Path, store: Store) -> None:
    """Bytes and lines of all its files, and what is not read yet."""
    log = tmp_path / "app.jsonl"
    write(log, line(1) * 40 + b"{torn\n")
    take(store, log)
    log.rename(tmp_path / "app.jsonl.1")
    write(log, line(2) * 3)
    take(store, log)
    write(log, line(3) * 2)
    series = read(exposition(store))
    assert series[key("logpipe_source_lines_total", source=str(log))] == 44
    assert series[key("logpipe_source_read_bytes_total", source=str(log))] == len(line(1)) * 43 + len(b"{torn\n")
    assert series[key("logpipe_source_lag_bytes", source=str(log))] == len(line(3)) * 2
    assert series[key("logpipe_source_lag_seconds", source=str(log))] > 0
    assert series[key("logpipe_source_gaps_total", source=str(log))] == 0
    assert series[key("logpipe_rejects", reason="malformed_json")] == 1
    assert series[key("logpipe_batches_total")] == 2
    assert series[key("logpipe_batch_seconds_total")] > 0
    assert series[key("logpipe_commit_seconds_total")] > 0
    take(store, log)
    series = read(exposition(store))
    assert series[key("logpipe_source_lag_bytes", source=str(log))] == 0
    assert series[key("logpipe_source_lag_seconds", source=str(log))] == 0


def test_a_copy_is_neither_lag_nor_loss(tmp_path: Path, store: Store) -> None:
    """What a file has in common with another was read there."""
    log = tmp_path / "app.jsonl"
    write(log, line(1) * 40)
    take(store, log)
    write(tmp_path / "app.jsonl.1", log.read_bytes())
    take(store, log, tmp_path / "app.jsonl.1")
    assert store.execute("SELECT count(*) FROM sources") == [(2,)]
    series = read(exposition(store))
    assert series[key("logpipe_source_lag_bytes", source=str(log))] == 0
    assert series[key("logpipe_source_gaps_total", source=str(log))] == 0
    assert series[key("logpipe_gaps_total")] == 0
    assert series[key("logpipe_gap_bytes_total")] == 0


def test_past_the_limit_logs_are_counted_as_other(tmp_path: Path, store: Store) -> None:
    """The first ones keep their names; nothing goes uncounted, and how many were folded is told."""
    logs = [tmp_path / f"app{number}.jsonl" for number in range(5)]
    for log in logs:
        write(log, line(1))
        take(store, log)
    for log in logs[2:]:
        write(log, line(2))
    series = read(exposition(store, Limits(sources=2)))
    names = {dict(labels)["source"] for labels in named(series, "logpipe_source_lines_total")}
    assert names == {str(logs[0]), str(logs[1]), "other"}
    assert series[key("logpipe_source_lines_total", source="other")] == 3
    assert series[key("logpipe_source_lag_bytes", source="other")] == 3 * len(line(2))
    assert series[key("logpipe_source_lag_seconds", source=str(logs[0]))] == 0
    assert series[key("logpipe_export_sources_folded")] == 3
    assert series[key("logpipe_export_sources_limit")] == 2


@pytest.mark.real
def test_promtool_accepts_the_series_of_sources(tmp_path: Path, store: Store) -> None:
    """Of a real ingest, with a name that needs escaping."""
    log = tmp_path / 'a "quoted" \\ name\n.jsonl'
    write(log, line(1))
    take(store, log)
    checked = subprocess.run([tool("promtool"), "check", "metrics"], input=exposition(store), capture_output=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")

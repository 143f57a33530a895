"""What commands show of sources, rejects and gaps, and the slips of whoever asks for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from logpipe.store import Store, database
from tests.ingest.logs import line, rest
from tests.store.owners import following, until

Run = Callable[..., Any]


def plain(text: str) -> str:
    """A message without the frame around it."""
    return " ".join(text.replace("│", " ").split())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logpipe: Run) -> Path:
    """The working folder, with a database of twenty events and a torn line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    Path("app.jsonl").write_bytes(b"".join(map(line, range(20))) + b'{"torn": \n')
    rest(Path("app.jsonl"))
    assert logpipe("ingest", "app.jsonl", folder=tmp_path).returncode == 0
    return tmp_path


def as_standard_input(folder: Path) -> str:
    """The source, as if it had come from a pipe long ago."""
    path = "/tmp/logpipe-abc123/standard input"
    with Store.open(folder / "logs.duckdb") as store:
        store.execute("UPDATE sources SET path = ?, family = ?, state = 'gone'", [path, path])
    return path


def test_standard_input_is_not_read_again(folder: Path, logpipe: Run) -> None:
    """It is left alone with a note where all sources are meant, and an error where it is named."""
    as_standard_input(folder)
    Path("other.jsonl").write_bytes(line(5))
    rest(Path("other.jsonl"))
    logpipe("ingest", "other.jsonl", folder=folder)
    done = logpipe("reparse", folder=folder)
    assert done.returncode == 0, done.stderr
    assert "other.jsonl (source 2, logpipe): 1 event and 0 rejects" in done.stderr
    assert "1 source left alone: standard input, of which no file was kept" in done.stderr
    named = logpipe("reparse", "1", folder=folder)
    assert (named.returncode, "source 1 was standard input" in named.stderr) == (1, True)


def test_standard_input_is_listed_as_such(folder: Path, logpipe: Run) -> None:
    """Programs are told the path by which the tables know it."""
    path = as_standard_input(folder)
    for command in ("sources", "stats", "rejects"):
        shown = logpipe(command, folder=folder).stdout
        assert "standard input" in shown
        assert "logpipe-abc123" not in shown
    assert orjson.loads(logpipe("sources", "--json", folder=folder).stdout)["path"] == path


def test_a_reason_that_nobody_has_is_wrong_usage(folder: Path, logpipe: Run) -> None:
    """The reasons there are, are named; one that only this store has not is none the less one."""
    for command in (["rejects"], ["rejects", "-o", "-"], ["rejects", "retry"]):
        done = logpipe(*command, "--reason", "malformed", folder=folder)
        assert done.returncode == 2
        assert "malformed is none of malformed_json" in plain(done.stderr)
        assert logpipe(*command, "--reason", "hole", folder=folder).returncode == 0


def test_rejects_are_shown_with_reason_and_detail(folder: Path, logpipe: Run) -> None:
    """Each under its own name."""
    with Store.open(folder / "logs.duckdb") as store:
        store.execute("UPDATE rejects SET reason = 'unterminated', detail = 'malformed_json'")
    heads = [row.split() for row in logpipe("rejects", folder=folder).stdout.splitlines() if row.startswith("file")]
    assert heads[1] == ["file:byte", "reason", "detail", "line"]
    assert 'unterminated   malformed_json   {"torn":' in logpipe("rejects", folder=folder).stdout


def test_verify_tells_of_gaps_without_an_end(folder: Path, logpipe: Run) -> None:
    """Every line that was read is accounted for all the same."""
    with Store.open(folder / "logs.duckdb") as store:
        store.execute("INSERT INTO gaps VALUES (1, 10, NULL, 'damaged', now()), (1, 10, 11, 'overwritten', now())")
    done = logpipe("verify", folder=folder)
    assert done.returncode == 0
    assert "1 source, 1 file read again" in done.stderr
    assert "1 byte is known to be lost: logpipe gaps" in done.stderr
    assert "1 gap without an end: logpipe gaps" in done.stderr
    assert orjson.loads(logpipe("verify", "--json", folder=folder).stdout)["open_gaps"] == 1


def test_names_of_files_stay_on_their_line(folder: Path, logpipe: Run) -> None:
    """Whatever they are made of."""
    path = Path("a\nb\tc\x1b[31m.jsonl")
    path.write_bytes(line(7))
    rest(path)
    assert logpipe("ingest", str(path), folder=folder).returncode == 0
    for command in ("sources", "stats"):
        assert "a\\nb\\tc\\x1b[31m.jsonl" in logpipe(command, folder=folder).stdout


def test_a_table_is_as_wide_as_columns_says(folder: Path, logpipe: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe, too, where it else has room for 140."""
    monkeypatch.setenv("COLUMNS", "300")
    assert "── 1 ──" not in logpipe("sources", folder=folder).stdout
    monkeypatch.setenv("COLUMNS", "60")
    assert "── 1 ──" in logpipe("sources", folder=folder).stdout


def test_little_that_waits_is_told_in_bytes(folder: Path, logpipe: Run) -> None:
    """As 0.0 MB it would be nothing."""
    with Path("app.jsonl").open("ab") as file:
        file.write(b"x" * 15)
    assert "15 bytes not read yet, " in logpipe("stats", folder=folder).stdout


def test_a_zone_that_is_not_there_is_wrong_usage(folder: Path, logpipe: Run) -> None:
    """As for ingest."""
    for command in (["ingest", "app.jsonl"], ["reparse"], ["rejects", "retry"]):
        assert logpipe(*command, "--time-zone", "Nope/Zone", folder=folder).returncode == 2


def test_nobody_is_told_to_wait_for_what_follows(folder: Path, logpipe: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not end by itself."""
    monkeypatch.setattr(database, "WAIT_S", 0.1)
    (folder / "logs").mkdir()
    with following(folder / "logs.duckdb", folder / "logs") as owner:
        until((folder / "logs.duckdb.run").exists)
        done = logpipe("compact", folder=folder)
    assert done.returncode == 1
    assert f"in use by process {owner.pid}; end that process, or, unless it follows logs, wait for it" in done.stderr

"""Each command works while another process follows files into the same database."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pytest

from logpipe.cli.progress import Bar
from logpipe.errors import StoreError
from logpipe.store import Store, quack
from logpipe_analysis.reports import all_reports
from tests.commands import call
from tests.ingest.logs import line
from tests.store.owners import LOGPIPE, following, owner_of, process, until

Logpipe = Callable[..., Any]
ROOT = Path(__file__).parents[2]
REPORTS = [("report", report.name, "--format", "json", "--limit", "0") for report in all_reports()]
COMMANDS = [
    ("query", "SELECT * FROM events ORDER BY source_id, source_pos", "--format", "json"),
    ("query", "SELECT * FROM events ORDER BY source_id, source_pos LIMIT 50", "--format", "csv"),
    ("query", "FROM slow_queries(INTERVAL 1 DAY)"),
    ("query", "CREATE TEMP TABLE few AS SELECT 'é' AS name; SET VARIABLE n = 2; SELECT *, getvariable('n') FROM few"),
    ("query", "DESCRIBE events"),
    ("query", "SUMMARIZE SELECT service, duration_ms FROM events"),
    ("query", "SHOW TABLES"),
    *REPORTS,
    ("report", "slow-queries", "--since", "1d", "--service", "web"),
    ("findings", "--json"),
    ("rejects", "--json"),
    ("sources", "--json"),
    ("verify",),
    ("ship", "prometheus", "-o", "-"),
    ("ship", "loki", "-o", "-"),
    ("ship", "loki", "-o", "-", "--since", "2h", "--service", "shop"),
]
WRONG = [
    ("query", "DELETE FROM events"),
    ("query", "SELCT 1"),
    ("query", "SELECT nope\nFROM events"),
    ("query", "FROM read_text('/etc/passwd')"),
    ("query", "COPY events TO 'out.csv'"),
    ("query", "SELECT CASE WHEN i = 300000 THEN error('late') END FROM range(400000) AS numbers(i)"),
    ("explain", "nothing"),
]


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory, shop: Path) -> Iterator[tuple[Path, Path]]:
    """The same database twice: one that nobody has, one that a process follows files into."""
    folder = tmp_path_factory.mktemp("sharing")
    (folder / "logs").mkdir()
    (folder / "logs" / "app.log").write_bytes(b"\n" + _trouble())
    ours, shared = folder / "ours.duckdb", folder / "shared.duckdb"
    shutil.copy(shop, ours)
    done = call("ingest", "--db", str(ours), str(folder / "logs"))  # the shop's files are not there, as both then know
    assert done.returncode == 0, done.stderr
    shutil.copy(ours, shared)
    with following(shared, folder / "logs") as owner:
        for database in (ours, shared):
            done = call("analyze", "--db", str(database))
            assert done.returncode == 0, done.stderr
        yield ours, shared
        assert owner.poll() is None


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_reading_command_says_the_same(
    databases: tuple[Path, Path], logpipe: Logpipe, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """Of a database that it opens and of one that another process has."""
    said = []
    for database in databases:
        monkeypatch.setenv("LOGPIPE_DB", str(database))
        done = logpipe(*command)
        assert done.returncode == (1 if command == ("verify",) else 0), done.stderr  # the shop has no ledger
        said.append(re.sub(r"logpipe_store_size_bytes \S+|ours|shared", "", done.stdout))
    assert said[0] == said[1]
    assert said[0] or command[0] == "rejects"


def _trouble() -> bytes:
    """Two hours of a quiet service, but for ten minutes of errors."""
    lines = []
    for minute in range(120):
        for number in range(60 if 90 <= minute < 100 else 5):
            level = "ERROR" if number >= 5 else "INFO"
            moment = f"2026-01-02T{10 + minute // 60}:{minute % 60:02}:{number:02}.000000Z"
            lines.append(line(minute * 100 + number, timestamp=moment, level=level))
    return b"".join(lines)


@pytest.mark.parametrize("command", WRONG, ids=" ".join)
def test_what_cannot_be_done_is_one_sentence(
    databases: tuple[Path, Path], logpipe: Logpipe, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """Without a word of how the database was reached."""
    monkeypatch.setenv("LOGPIPE_DB", str(databases[1]))
    done = logpipe(*command)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert not re.search(r"Traceback|owner_\d|quack|-- logpipe|Authorization", done.stderr)


def test_a_finding_is_explained_and_spoken_of(
    databases: tuple[Path, Path], logpipe: Logpipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its rows and its lines, as in a database of one's own; what is said of it is written through the owner."""
    with Store.open(databases[0], read_only=True) as store:
        [(finding_id,)] = store.execute("SELECT finding_id FROM findings LIMIT 1")
    said = []
    for database in databases:
        monkeypatch.setenv("LOGPIPE_DB", str(database))
        done = logpipe("explain", finding_id)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    assert said[0] == said[1]
    for words in (("note", finding_id, "seen"), ("mute", finding_id), ("unmute", finding_id)):
        done = logpipe("findings", *words)
        assert done.returncode == 0, done.stderr
    with Store.open(databases[1], read_only=True) as store:
        marks = store.execute("SELECT action FROM finding_marks WHERE finding_id = ? ORDER BY made_at", [finding_id])
    assert [action for (action,) in marks] == ["note", "mute", "unmute"]
    assert "seen" in logpipe("explain", finding_id).stdout
    assert logpipe("explain", finding_id, "--rows").stdout


def test_parquet_is_written_by_the_command_itself(
    databases: tuple[Path, Path], logpipe: Logpipe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Under its own name for the file, relative to where it was started."""
    monkeypatch.setenv("LOGPIPE_DB", str(databases[1]))
    monkeypatch.chdir(tmp_path)
    assert logpipe("query", "FROM events", "-o", "out.parquet").returncode == 0
    assert duckdb.sql("SELECT count(*) FROM 'out.parquet'").fetchall() == [(1422 + 1150,)]
    assert os.listdir(tmp_path) == ["out.parquet"]


def test_an_analysis_beside_an_ingest_stores_its_findings_once(tmp_path: Path, logpipe: Logpipe) -> None:
    """Through the owner, while lines come in; a second one changes nothing, and patterns are counted once."""
    database, logs = tmp_path / "logs.duckdb", tmp_path / "logs"
    logs.mkdir()
    with following(database, logs) as owner:
        (tmp_path / "app.log").write_bytes(_trouble())
        (tmp_path / "app.log").rename(logs / "app.log")  # whole, so that it comes in at once
        with Store.open(database, read_only=True) as store:
            assert store.attached
            until(lambda: store.execute("SELECT count(*) FROM ledger") == [(1,)])
            first = logpipe("analyze", "--db", str(database))
            assert first.returncode == 0, first.stderr
            assert re.search(r"[1-9]\d* new", first.stderr)
            assert "0 new, 0 updated, 0 resolved" in logpipe("analyze", "--db", str(database)).stderr
            assert store.execute("SELECT count(*) > 0, count(*) = count(DISTINCT finding_id) FROM findings") == [
                (True, True)
            ]
            assert store.execute("SELECT sum(events)::BIGINT FROM pattern_minute") == [(1150,)]
        assert owner.poll() is None


def test_commands_work_beside_an_ingest_that_takes_long(tmp_path: Path) -> None:
    """Not only beside one that follows."""
    database, pipe = tmp_path / "logs.duckdb", tmp_path / "logs.pipe"
    os.mkfifo(pipe)
    command = f"exec {LOGPIPE} ingest - --db {database} < {pipe}"
    with process(["/bin/sh", "-c", command]) as owner, pipe.open("wb") as file:
        file.write(line(1))
        file.flush()
        until(lambda: _events(database) == 1)
        assert owner.poll() is None


def test_folders_that_take_long_to_look_into_do_not_hinder_loading(
    tmp_path: Path, logpipe: Logpipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is shared once the bar knows how much there is: loading makes settings, which sharing locks."""
    (tmp_path / "app.log").write_bytes(line(1))
    database = tmp_path / "logs.duckdb"
    done = []
    share, look = Store.share, Bar.__init__

    def shared(store: Store, **how: Any) -> None:
        done.append("shared")
        share(store, **how)

    def looked(bar: Bar, *paths: Any, **how: Any) -> None:
        look(bar, *paths, **how)
        done.append("looked")

    monkeypatch.setattr(Store, "share", shared)
    monkeypatch.setattr(Bar, "__init__", looked)
    assert logpipe("ingest", str(tmp_path / "app.log"), "--db", str(database)).returncode == 0
    assert done == ["looked", "shared"]


def _events(database: Path) -> int | None:
    """None where nobody shares it yet."""
    with suppress(StoreError), Store.open(database, read_only=True) as store:
        assert store.attached
        return int(store.execute("SELECT count(*) FROM events")[0][0])
    return None


def test_the_documented_statements_work_in_a_plain_client(
    databases: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of docs/sharing.md, in their order, with the values of the run file."""
    page = (ROOT / "docs" / "sharing.md").read_text()
    shared = owner_of(databases[1])
    monkeypatch.chdir(databases[1].parent)
    connection = duckdb.connect()
    quack.load(connection)
    answers = []
    for statement in ";".join(re.findall(r"```sql\n(.*?)```", page, re.DOTALL)).split(";"):
        filled = statement.replace("logs.duckdb.run", "shared.duckdb.run")
        filled = filled.replace("quack:127.0.0.1:PORT", shared.uri).replace("'TOKEN'", f"'{shared.token}'")
        if filled.strip() and not filled.strip().startswith("LOAD"):
            answers.append(connection.execute(filled).fetchall())
    assert len(answers) == 6
    assert all(answers[index] for index in (1, 3, 4, 5))
    assert sorted(answers[5]) == [("nginx", 400), ("shop", 1150), ("web", 1015), ("worker", 7)]

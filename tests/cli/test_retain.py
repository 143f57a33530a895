"""`logpipe retain` at the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from logpipe.cli.retention import policy_of, policy_of_rules
from logpipe.store import Store
from tests.commands import call
from tests.ingest.logs import line
from tests.stores import copied

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty events of March, five of them DEBUG: a database to be copied."""
    folder = tmp_path_factory.mktemp("ingested")
    log, database = folder / "app.jsonl", folder / "logs.duckdb"
    with log.open("wb") as file:
        file.writelines(line(number, level="DEBUG" if number % 4 == 0 else "INFO") for number in range(20))
    assert call("ingest", str(log), "--db", str(database)).returncode == 0
    return database


@pytest.fixture
def database(ingested: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twenty events of March, five of them DEBUG."""
    database = copied(ingested, tmp_path / "logs.duckdb")
    monkeypatch.setenv("LOGPIPE_DB", str(database))
    return database


def test_a_dry_run_removes_nothing(database: Path, logpipe: Run) -> None:
    """It says what would go."""
    done = logpipe("retain", "--level", "debug=1d", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "would go" in done.stdout
    assert "5 rows would go for their age\n" in done.stderr
    with Store.open(database, read_only=True) as store:
        assert store.execute("SELECT count(*) FROM events") == [(20,)]


def test_what_was_removed_is_said(database: Path, logpipe: Run) -> None:
    """By stream and level, with the size before and after; verify agrees."""
    done = logpipe("retain", "--level", "DEBUG=1d", "--json")
    assert orjson.loads(done.stdout) == {
        "what": "events",
        "stream": "app",
        "level": "DEBUG",
        "count": 5,
        "removed": True,
        "bytes": sum(len(line(number, level="DEBUG")) for number in range(0, 20, 4)),
    }
    told = logpipe("retain", "--all", "1d")
    assert "15 rows removed; the database holds" in told.stderr
    checked = logpipe("verify")
    assert checked.returncode == 0
    assert "retention has removed 20 events and 0 rejects" in checked.stderr


def test_what_would_go_for_the_size_is_estimated(database: Path, logpipe: Run) -> None:
    """Besides what goes for its age, and as JSON too."""
    done = logpipe("retain", "--max-size", "300KB", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "0 rows would go for their age\nthe database holds " in done.stderr
    [told] = map(orjson.loads, logpipe("retain", "--max-size", "300KB", "--dry-run", "--json").stdout.splitlines())
    assert told == {**told, "what": "oldest events", "removed": False}
    assert 0 < told["count"] <= 20
    assert f"about {told['count']} events would go for that, the oldest" in done.stderr
    assert "0 bytes too much: about 0 events" in logpipe("retain", "--max-size", "1GB", "--dry-run").stderr


def test_a_limit_that_cannot_be_held_is_an_error(database: Path, logpipe: Run) -> None:
    """Also where the rows that went are told as JSON: without events there is still what counts them."""
    done = logpipe("retain", "--max-size", "1KB", "--json")
    assert done.returncode == 1
    assert sum(orjson.loads(row)["count"] for row in done.stdout.splitlines()) == 20
    assert "too much: there is no event left to remove" in done.stderr
    assert logpipe("retain", "--max-size", "1KB").returncode == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "say what to keep"),
        (("--stream", "performance"), "write it as NAME=SPAN"),
        (("--stream", "performance=long"), "not a length of time"),
        (("--all", "999999d"), "999999d is longer than 365,000 days; without this rule they are kept for ever"),
        (("--stream", "app=999999999d"), "longer than"),
        (("--level", "LOUD=1d"), "LOUD is none of TRACE, DEBUG"),
        (("--stream", "perf=1d"), "perf is none of app, error, performance"),
        (("--max-size", "big"), "not a size"),
        (("--max-size", "18"), "'18' has no unit; give a size as 500MB or 20GB"),
        (("--max-size", "0MB"), "would leave nothing"),
        (("--min-free", "5"), "--min-free: '5' has no unit"),
    ],
)
def test_slips_are_told(database: Path, logpipe: Run, arguments: tuple[str, ...], said: str) -> None:
    """With exit code 2, and nothing removed."""
    done = logpipe("retain", *arguments)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    "rule",
    [
        "all",
        "all=",
        "all=9x",
        "level=2d",
        "level:LOUD=2d",
        "colour:red=2d",
        "max-size=big",
        "max-size=20",
        "all=999999d",
        "min-free=0B",
    ],
)
def test_slips_in_rules_are_told(database: Path, logpipe: Run, rule: str) -> None:
    """Before anything is followed; the option at fault is the one that was given."""
    done = logpipe("ingest", "--follow", "nowhere", "--retain", rule)
    assert done.returncode == 2
    assert "value: --retain" in " ".join(done.stderr.replace("│", " ").split())


def test_rules_are_those_of_the_command() -> None:
    """`--retain` of ingest and the options of `logpipe retain` mean the same."""
    rules = ["stream:performance=7d", "level:debug=2d", "all=90d", "rejects=1d", "max-size=20GB", "min-free=1.5GiB"]
    assert policy_of_rules(rules) == policy_of(["performance=7d"], ["DEBUG=2d"], "90d", "1d", "20000MB", "1536MiB")

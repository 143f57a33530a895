"""`logpipe analyze`, `findings` and `explain`, as they are called."""

import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from logpipe.store import Store, rollup
from tests.commands import call

COLUMNS = {
    "kind", "severity", "service", "environment", "subject", "started_at", "ended_at", "baseline", "observed", "unit",
    "score", "confidence", "title", "explanation", "evidence", "sql", "fingerprint", "finding_id", "status",
    "bucket_s",
}  # fmt: skip


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four hours of a service whose every third record fails for ten minutes, with a hostile message."""
    path = tmp_path_factory.mktemp("store") / "logs.duckdb"
    with Store.open(path) as store, store.transaction() as connection:
        connection.execute(
            """
            INSERT INTO events (ts, service, severity, level, stream, message, source_id, source_pos, bytes)
            SELECT ts, 'shop', if(failed, 17, 9), if(failed, 'ERROR', 'INFO'), if(failed, 'error', 'app'),
                if(failed, 'no \x1b[31mstock', 'sold'), 7, i * 100, 100
            FROM (SELECT i, TIMESTAMPTZ '2026-01-05 00:00:00Z' + i * INTERVAL 2 SECOND AS ts,
                    (i BETWEEN 4500 AND 4799 AND i % 3 = 0) OR i % 400 = 0 AS failed
                FROM range(7200) AS numbers(i))
            """
        )
        rollup.roll_up(connection, "events")
        connection.execute("INSERT INTO ledger VALUES (1, 7, 0, 720000, 7200, 7200, 0, 0, 0, 0, 0, '', '', now())")
        connection.execute(
            "INSERT INTO sources (source_id, path, family, generation, size, head, format, service, time_zone, state, "
            "first_seen_at) VALUES (7, 'logs/shop.jsonl', 'shop', 1, 0, '', 'logpipe', 'shop', 'UTC', 'active', now())"
        )
    return path


def _json(*words: str) -> list[dict[str, Any]]:
    done = call(*words, "--json")
    assert done.returncode == 0, done.stderr
    return [orjson.loads(line) for line in done.stdout.splitlines()]


def test_analyze_findings_and_explain_tell_the_same(database: Path) -> None:
    """One problem, one finding, in all three commands; JSON has exactly the fields of a finding."""
    db = ("--db", str(database))
    [found] = _json("analyze", *db)
    assert set(found) == COLUMNS
    assert (found["kind"], found["started_at"]) == ("error_spike", "2026-01-05T02:30:00Z")
    assert _json("findings", *db) == [found]
    assert _json("findings", *db, "--status", "open") == []
    shown = call("explain", found["finding_id"], *db)
    assert shown.returncode == 0
    assert "logs/shop.jsonl:450000" in shown.stdout
    assert "FROM rollup_minute" in shown.stdout
    assert "2026-01-05 02:30:00" in shown.stdout
    assert "\x1b" not in shown.stdout
    [whole] = _json("explain", found["finding_id"], *db)
    assert whole["rows"]
    assert whole["lines"][0]["path"] == "logs/shop.jsonl"


def test_a_list_for_people_has_the_sentence(database: Path) -> None:
    """On standard output the findings, on standard error the count."""
    done = call("analyze", "--db", str(database))
    assert "shop: 100 errors in 10 min" in " ".join(done.stdout.split())
    assert "1 finding: " in done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize(("level", "code"), [("info", 3), ("critical", 3)])
def test_fail_on_is_an_exit_code(database: Path, tmp_path: Path, level: str, code: int) -> None:
    """3 where a new finding is at least as severe; a second time it is neither new nor open any more."""
    fresh = tmp_path / "fresh.duckdb"
    shutil.copy(database, fresh)
    with Store.open(fresh) as store:
        store.execute("DELETE FROM findings")
    assert call("analyze", "--db", str(fresh), "--fail-on", level).returncode == code
    assert call("analyze", "--db", str(fresh), "--fail-on", level).returncode == 0


def test_nothing_found_in_the_range_is_success(database: Path) -> None:
    """A range without findings does not fail, whatever the level."""
    done = call("analyze", "--db", str(database), "--since", "2026-01-05T03:00:00Z", "--fail-on", "info")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["explain", "nonesuch"], 1, "no finding has the id 'nonesuch'"),
        (["analyze", "--kind", "noise"], 2, "the kinds are error_spike"),
        (["analyze", "--fail-on", "grave"], 2, "give info, warning, critical"),
        (["analyze", "--since", "soonish"], 2, "'soonish' is not a time"),
        (["analyze", "--bucket", "0s"], 2, "give one as 10s, 1m, 2h or 1d"),
        (["findings", "--status", "closed"], 2, "give open or resolved"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(database: Path, words: list[str], code: int, sentence: str) -> None:
    """The exit code, the value and the remedy; no traceback."""
    done = call(*words, "--db", str(database))
    assert done.returncode == code
    assert sentence in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr

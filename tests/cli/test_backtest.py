"""`logpipe backtest`, as it is called, and settings from a file."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from logpipe.store import Store, rollup
from tests.commands import call


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An hour and a half of a service whose every third record fails for ten minutes."""
    path = tmp_path_factory.mktemp("store") / "logs.duckdb"
    with Store.open(path) as store, store.transaction() as connection:
        connection.execute(
            """
            INSERT INTO events (ts, service, severity, level, stream, message, source_id, source_pos, bytes)
            SELECT ts, 'shop', if(failed, 17, 9), if(failed, 'ERROR', 'INFO'), if(failed, 'error', 'app'),
                if(failed, 'no stock', 'sold'), 7, i * 100, 100
            FROM (SELECT i, TIMESTAMPTZ '2026-01-05 00:00:00Z' + i * INTERVAL 2 SECOND AS ts,
                    (i BETWEEN 1800 AND 2099 AND i % 3 = 0) OR i % 400 = 0 AS failed
                FROM range(2700) AS numbers(i))
            """
        )
        rollup.roll_up(connection, "events")
    return path


def _json(*words: str) -> list[dict[str, Any]]:
    done = call(*words, "--json")
    assert done.returncode == 0, done.stderr
    return [orjson.loads(line) for line in done.stdout.splitlines()]


def test_each_finding_is_told_with_its_moments(database: Path, tmp_path: Path) -> None:
    """As JSON one object a finding and configuration, and one score each; on standard error what it took."""
    strict, labels = tmp_path / "strict.toml", tmp_path / "labels.csv"
    strict.write_text("[error_spike]\nmin_errors = 1000\n")
    labels.write_text("start,end,service\n2026-01-05T01:00:00Z,2026-01-05T01:10:00Z,shop\n2025-01-01,2025-01-02,shop\n")
    rows = _json("backtest", "--db", str(database), "--compare", str(strict), "--labels", str(labels))
    [fired, ours, theirs] = rows
    assert (fired["type"], fired["settings"], fired["finding"]["kind"]) == ("fired", "default", "error_spike")
    assert (fired["onset"], fired["retracted"]) == ("2026-01-05T01:00:00Z", False)
    assert "2026-01-05T01:01:00Z" <= fired["reported_at"] <= "2026-01-05T01:03:00Z"
    assert fired["delay_s"] > 0
    assert fired["reported"]["ended_at"] is None
    assert fired["finding"]["ended_at"] is not None
    assert fired["open_s"] > 600
    assert (ours["type"], ours["precision"], ours["recall"], ours["f1"]) == ("score", 1, 1, 1)
    assert (theirs["settings"], theirs["found"], theirs["labels"], theirs["recall"]) == (str(strict), 0, 1, 0)
    assert call("findings", "--db", str(database)).stdout == ""


def test_tables_are_for_people(database: Path, tmp_path: Path) -> None:
    """What fired, the two side by side, and the figures against the labels."""
    strict, labels = tmp_path / "strict.toml", tmp_path / "labels.csv"
    strict.write_text("[error_spike]\nmin_errors = 1000\n")
    labels.write_text("start,end\n2026-01-05T01:00:00Z,\n")
    done = call("backtest", "--db", str(database), "--compare", str(strict), "--labels", str(labels), "--stride", "30m")
    assert done.returncode == 0, done.stderr
    shown = " ".join(done.stdout.split())
    assert "error_spike" in shown
    [fired] = _json("backtest", "--db", str(database), "--stride", "30m")
    assert fired["reported"]["title"] in shown
    assert fired["finding"]["title"] not in shown
    assert "not at all" in shown
    assert "1 of 1" in shown
    assert "default: 1 reported, 0 taken back, from 2026-01-05 00:00 to 2026-01-05 01:30; " in done.stderr
    assert " of 91 moments looked at" in done.stderr


def test_a_range_without_events_says_so(database: Path) -> None:
    """And does not fail."""
    done = call("backtest", "--db", str(database), "--since", "2027-01-01")
    assert (done.returncode, done.stdout) == (0, "")
    assert "no events" in done.stderr


def test_analyze_takes_the_same_file(database: Path, tmp_path: Path) -> None:
    """--bucket goes before it."""
    strict = tmp_path / "strict.toml"
    strict.write_text("bucket = 300\n[error_spike]\nmin_errors = 1000\n")
    for words in ((), ("--bucket", "1m")):
        assert _json("analyze", "--db", str(database), "--settings", str(strict), *words) == []
    [found] = _json("analyze", "--db", str(database))
    assert found["bucket_s"] == 60
    with Store.open(database) as store:
        store.execute("DELETE FROM findings")


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--settings", "none.toml"], 1, "none.toml: no such file or directory"),
        (["--labels", "none.csv"], 1, "none.csv cannot be read"),
        (["--kind", "noise"], 2, "'noise' is no kind of finding"),
        (["--stride", "soon"], 2, "'soon' is not a length of time"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(database: Path, words: list[str], code: int, sentence: str) -> None:
    """The exit code and the remedy; no traceback."""
    done = call("backtest", "--db", str(database), *words)
    assert done.returncode == code
    assert sentence in " ".join(done.stderr.replace("│", " ").split())

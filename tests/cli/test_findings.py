"""`logpipe analyze`, `findings` and `explain`, as they are called."""

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from logpipe.store import Store, rollup
from tests.commands import call

COLUMNS = {
    "kind", "severity", "service", "environment", "subject", "started_at", "ended_at", "baseline", "observed", "unit",
    "score", "confidence", "title", "explanation", "evidence", "sql", "fingerprint", "finding_id", "status",
    "bucket_s", "mark",
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
    """One problem, one finding, in all three commands; JSON has exactly the fields of a finding, and its mark."""
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


def test_the_summary_says_what_was_judged_and_that_it_is_old(database: Path) -> None:
    """The stretch, with its dates; how long ago the events end, unless the end was asked for."""
    db = ("--db", str(database))
    said = call("analyze", "--since", "30m", *db).stderr
    assert "; judged 2026-01-05 03:30 to 2026-01-05 04:00; events until 2026-01-05 04:00, " in said
    assert said.endswith(" ago\n")
    said = call("analyze", "--until", "2026-01-05T03:00:00Z", *db).stderr
    assert said.endswith("; judged 2026-01-05 00:00 to 2026-01-05 03:00\n")


@pytest.mark.parametrize(
    ("age", "told"), [(timedelta(hours=10, minutes=30), r", 10 h \d+ min ago\n"), (timedelta(), "")]
)
def test_only_events_that_end_long_ago_are_told_to(tmp_path: Path, age: timedelta, told: str) -> None:
    """By the clock: what comes now is of now."""
    path = tmp_path / "logs.duckdb"
    with Store.open(path) as store, store.transaction() as connection:
        connection.execute(
            "INSERT INTO events (ts, service, severity, level, stream, message, source_id, source_pos, bytes) "
            "SELECT ?::TIMESTAMPTZ - i * INTERVAL 2 SECOND, 'shop', 9, 'INFO', 'app', 'sold', 7, i * 100, 100 "
            "FROM range(3600) AS numbers(i)",
            [datetime.now(UTC) - age],
        )
        rollup.roll_up(connection, "events")
    said = call("analyze", "--since", "30m", "--db", str(path)).stderr
    assert "; judged " in said
    assert ("events until" in said) == bool(told)
    assert re.search(told, said)


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
        (["findings", "mute", "nonesuch"], 1, "no finding has the id 'nonesuch'"),
        (["findings", "mute", "nonesuch", "--for", "ever"], 2, "give one as 10s, 1m, 2h or 1d"),
        (["findings", "--status", "closed"], 2, "give open, resolved or muted"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(database: Path, words: list[str], code: int, sentence: str) -> None:
    """The exit code, the value and the remedy; no traceback."""
    done = call(*words, "--db", str(database))
    assert done.returncode == code
    assert sentence in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr


@pytest.fixture
def analysed(database: Path, tmp_path: Path) -> tuple[str, str]:
    """A database of its own whose finding is new, as `--db FILE`, and the id."""
    fresh = tmp_path / "fresh.duckdb"
    shutil.copy(database, fresh)
    with Store.open(fresh) as store:
        store.execute("DELETE FROM findings")
    [found] = _json("analyze", "--db", str(fresh))
    return f"--db={fresh}", found["finding_id"]


def test_a_muted_problem_is_heard_of_no_more(analysed: tuple[str, str]) -> None:
    """Neither by its exit code nor in the lists, unless it is asked for; and again once the mute is taken back."""
    db, finding_id = analysed
    with Store.open(db.removeprefix("--db=")) as store:
        store.execute("UPDATE findings SET status = 'open', ended_at = NULL")
    muted = call("findings", "mute", finding_id, "--for", "7d", "--reason", "known", db)
    assert (muted.returncode, muted.stdout) == (0, "")
    assert muted.stderr.startswith("muted until ")
    done = call("analyze", "--fail-on", "info", db)
    assert (done.returncode, done.stdout) == (0, "")
    assert "0 findings: " in done.stderr
    assert "; 1 muted" in done.stderr
    assert _json("findings", db) == []
    assert [one["status"] for one in _json("findings", "--muted", db)] == ["muted"]
    assert [one["status"] for one in _json("findings", "--status", "muted", db)] == ["muted"]
    shown = call("explain", finding_id, db).stdout
    assert "mute until" in shown
    assert "known" in shown
    for said in ("no longer muted: shop: ", "was not muted: shop: "):
        unmuted = call("findings", "unmute", finding_id, db)
        assert (unmuted.returncode, unmuted.stderr.startswith(said)) == (0, True)
    assert [one["action"] for one in _json("explain", finding_id, db)[0]["marks"]] == ["mute", "unmute"]
    assert len(_json("findings", db)) == 1


def _lines(*words: str) -> str:
    return " ".join(call(*words).stdout.split())


def test_a_mark_is_seen_in_lists_at_once(analysed: tuple[str, str]) -> None:
    """Also of a finding that was over before; no analysis comes between."""
    db, finding_id = analysed
    assert _lines("findings", db).count("muted") == 0
    call("findings", "mute", finding_id, db)
    for words in (["findings"], ["findings", "--muted"], ["findings", "--status", "muted"], ["analyze"]):
        assert f"{finding_id} shop muted" in _lines(*words, db)
        assert [(one["status"], one["mark"]) for one in _json(*words, db)] == [("resolved", "muted")]
    call("findings", "unmute", finding_id, db)
    assert _json("findings", "--status", "muted", db) == []
    assert [one["mark"] for one in _json("findings", db)] == [None]
    call("findings", "resolve", finding_id, db)
    for words in (["findings"], ["findings", "--status", "resolved"], ["incidents", finding_id]):
        assert f"{finding_id} shop resolved by hand" in _lines(*words, db)
    assert [one["mark"] for one in _json("findings", db)] == ["resolved by hand"]


def test_a_list_says_how_many_are_muted(analysed: tuple[str, str]) -> None:
    """A problem that lasts is no longer listed, and the count says why."""
    db, finding_id = analysed
    with Store.open(db.removeprefix("--db=")) as store:
        store.execute("UPDATE findings SET status = 'open', ended_at = NULL")
    call("findings", "mute", finding_id, db)
    assert call("findings", db).stderr.startswith("0 findings; 1 muted, listed with --muted; ")
    assert call("findings", "--muted", db).stderr.startswith("1 finding; ")
    assert f"{finding_id} shop muted" in _lines("findings", "--muted", db)


def test_an_empty_note_is_refused(analysed: tuple[str, str]) -> None:
    """There would be nothing to show."""
    db, finding_id = analysed
    done = call("findings", "note", finding_id, " ", db)
    assert done.returncode == 2
    assert "a note says something" in done.stderr
    assert _json("explain", finding_id, db)[0]["marks"] == []


def test_names_stay_on_their_line(analysed: tuple[str, str]) -> None:
    """Control characters of a service or a route are shown escaped."""
    db, finding_id = analysed
    with Store.open(db.removeprefix("--db=")) as store:
        store.execute("UPDATE findings SET service = E'sh\\nop', explanation = E'sh\\nop: \\x1b[31mGET /a\\tb'")
    for words in (["findings"], ["explain", finding_id]):
        shown = call(*words, db).stdout
        assert r"sh\nop: \x1b[31mGET /a\tb" in shown
        assert shown.count(r"sh\nop") == 2
        assert not {"\x1b", "\t"} & set(shown)


def test_notes_and_the_end_are_shown(analysed: tuple[str, str]) -> None:
    """What people said, when, in order."""
    db, finding_id = analysed
    assert call("findings", "note", finding_id, "an old \x1b[31mdriver", db).returncode == 0
    assert call("findings", "resolve", finding_id, "--reason", "replaced", db).returncode == 0
    [whole] = _json("explain", finding_id, db)
    assert [(mark["action"], mark["text"]) for mark in whole["marks"]] == [
        ("note", "an old \x1b[31mdriver"),
        ("resolve", "replaced"),
    ]
    shown = call("explain", finding_id, db).stdout
    assert "an old" in shown
    assert "\x1b" not in shown


def test_all_its_events_are_printed(analysed: tuple[str, str]) -> None:
    """Whole rows as JSON lines, with file and byte; nothing else on standard output."""
    db, finding_id = analysed
    done = call("explain", finding_id, "--rows", db)
    rows = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 100
    assert {(row["path"], row["severity"], row["message"]) for row in rows} == {
        ("logs/shop.jsonl", 17, "no \x1b[31mstock")
    }
    assert rows[0]["source_pos"] == 450000

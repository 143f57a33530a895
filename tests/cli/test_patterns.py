"""`logpipe patterns`: the list, one whole, and what users say of them."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from logpipe.store import Store
from logpipe_analysis import pattern_listing
from tests.commands import call
from tests.stores import copied


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sales of five people, errors, and a hostile message, over an hour."""
    path = tmp_path_factory.mktemp("sold") / "logs.duckdb"
    with Store.open(path) as store, store.transaction() as connection:
        connection.execute(
            """
            INSERT INTO events (ts, service, severity, stream, message, source_id, source_pos, bytes)
            SELECT TIMESTAMPTZ '2026-01-05 00:00:00Z' + i * INTERVAL 1 SECOND, if(i % 4 = 0, 'shop', 'till'),
                if(i % 100 = 0, 17, 9), 'app',
                CASE WHEN i = 3599 THEN E'odd \\x1b[31mtext' WHEN i % 100 = 0 THEN 'no stock of ' || i
                    ELSE 'sold ' || i || ' to ' || ['ann', 'bob', 'eve', 'joe', 'kim'][i % 5 + 1] END,
                7, i * 100, 100
            FROM range(3600) AS numbers(i)
            """
        )
        connection.execute(
            "INSERT INTO rollup_minute BY NAME SELECT date_trunc('minute', ts) AS minute, service, severity, "
            "count(*) AS events, 0 AS bytes FROM events GROUP BY ALL"
        )
        connection.execute("INSERT INTO ledger VALUES (1, 7, 0, 360000, 3600, 3600, 0, 0, 0, 0, 0, '', '', now())")
    return path


@pytest.fixture
def database(sold: Path, tmp_path: Path) -> Path:
    return copied(sold, tmp_path / "logs.duckdb")


def _json(*words: str) -> list[dict[str, Any]]:
    done = call(*words, "--json")
    assert done.returncode == 0, done.stderr
    return [orjson.loads(line) for line in done.stdout.splitlines()]


def _list(database: Path, *words: str) -> dict[str, dict[str, Any]]:
    return {one["template"]: one for one in _json("patterns", "--db", str(database), *words)}


def test_the_list_counts_every_event(database: Path) -> None:
    """The most frequent first, with the worst level, the services and when it was seen; JSON has the same."""
    found = _list(database)
    assert sum(one["events"] for one in found.values()) == 3600
    assert sum(one["event_share"] for one in found.values()) == pytest.approx(1)
    stock = found["no stock of <*>"]
    assert (stock["events"], stock["severity"], stock["services"]) == (36, 17, ["shop"])
    assert (stock["first_seen"], stock["last_seen"]) == ("2026-01-05T00:00:00Z", "2026-01-05T00:58:00Z")
    shown = call("patterns", "--db", str(database), "--limit", "3")
    assert "sold <*> to" in shown.stdout
    assert "3 patterns of 7" in shown.stderr
    assert "\x1b" not in call("patterns", "--db", str(database)).stdout


def test_the_list_is_of_a_range_a_service_and_a_level(database: Path) -> None:
    """Each narrows it; what was first seen in the range is marked as new."""
    assert set(_list(database, "--min-severity", "error")) == {"no stock of <*>"}
    assert {one["services"][0] for one in _list(database, "--service", "till").values()} == {"till"}
    late = _list(database, "--since", "2026-01-05T00:30:00Z")
    assert sum(one["events"] for one in late.values()) == 1800
    assert [template for template, one in late.items() if one["marks"]] == ["odd \x1b[<*>"]


def test_one_whole_has_the_values_behind_its_wildcards(database: Path) -> None:
    """With how often each was seen, the counts of each service, a trend and lines by file and byte."""
    stock = _list(database)["no stock of <*>"]["pattern_id"]
    [whole] = _json("patterns", "show", stock, "--db", str(database))
    assert whole["services"] == [["shop", 36]]
    assert sum(events for _, events in whole["trend"]) == 36
    [values] = whole["values"]
    assert (values["after"], values["distinct"], values["counts"][0]) == ("no stock of", 36, ["0", 1])
    assert whole["lines"][0]["source_pos"] == 350_000
    shown = call("patterns", "show", stock, "--db", str(database)).stdout
    assert "source 7:350000" in shown
    assert "36 values in 36 events" in shown


def test_what_users_say_wins_and_stays(database: Path) -> None:
    """Two are merged, named and muted; undone, they are what they were."""
    db = ("--db", str(database))
    before = _list(database)
    ann, bob = before["sold <*> to ann"], before["sold <*> to bob"]
    for words in (
        ["merge", bob["pattern_id"], ann["pattern_id"]],
        ["name", ann["pattern_id"], "a sale"],
        ["mute", bob["pattern_id"]],
    ):
        assert call("patterns", *words, *db).returncode == 0
    after = _list(database)
    assert "sold <*> to bob" not in after
    both = after["sold <*> to ann"]
    assert (both["pattern_id"], both["events"], both["name"], both["muted"]) == (
        ann["pattern_id"], ann["events"] + bob["events"], "a sale", True,
    )  # fmt: skip
    [whole] = _json("patterns", "show", bob["pattern_id"], *db)
    assert {member for member, _ in whole["members"]} == {ann["pattern_id"], bob["pattern_id"]}
    for words in (["merge", bob["pattern_id"]], ["name", ann["pattern_id"]], ["mute", bob["pattern_id"]]):
        assert call("patterns", *words, "--off", *db).returncode == 0
    assert _list(database) == before


def test_a_pinned_pattern_is_not_merged(database: Path) -> None:
    """A sixth name merges the five; the pinned one stays."""
    db = ("--db", str(database))
    pinned = _list(database)["sold <*> to eve"]["pattern_id"]
    assert call("patterns", "pin", pinned, *db).returncode == 0
    with Store.open(database) as store, store.transaction() as connection:
        for i, name in enumerate(("liz", "mia")):
            connection.execute(
                "INSERT INTO events (ts, service, severity, stream, message, source_id, source_pos, bytes) "
                "VALUES ('2026-01-05 00:59:59Z', 'shop', 9, 'app', ?, 7, ?, 100)",
                [f"sold 1 to {name}", 360_000 + i],
            )
        connection.execute("INSERT INTO ledger VALUES (2, 7, 360000, 370000, 2, 2, 0, 0, 0, 0, 0, '', '', now())")
    found = _list(database)
    assert found["sold <*> to eve"]["pattern_id"] == pinned
    assert found["sold <*> to <*>"]["events"] + found["sold <*> to eve"]["events"] == 3565


def test_slips_are_told(database: Path) -> None:
    """An id that is not there, a merge into itself, a level that is none."""
    db = ("--db", str(database))
    some = next(iter(_list(database).values()))["pattern_id"]
    for words, said in (
        (["show", "nothing"], "no pattern has the id 'nothing'"),
        (["merge", some, some], "into itself"),
        (["merge", some], "--off"),
        (["--min-severity", "loud"], "'loud' is no level"),
    ):
        done = call("patterns", *words, *db)
        assert done.returncode == 2
        assert said in " ".join(done.stderr.split())


def test_what_was_done_is_said(database: Path) -> None:
    """One line each on standard error, with the events and the other ids that it concerns."""
    db = ("--db", str(database))
    found = _list(database)
    ann, bob = (found[f"sold <*> to {name}"] for name in ("ann", "bob"))
    both = f"sold <*> to ann ({ann['events'] + bob['events']:,} events, with 1 other id"
    for words, said in (
        (["name", bob["pattern_id"], "a sale"], f"named “a sale”: sold <*> to bob ({bob['events']:,} events)"),
        (["pin", bob["pattern_id"]], f"pinned: sold <*> to bob ({bob['events']:,} events)"),
        (["merge", bob["pattern_id"], ann["pattern_id"]], f"merged into: {both})"),
        (["mute", ann["pattern_id"]], f"muted: {both})"),
        (["mute", bob["pattern_id"], "--off"], f"was not muted by this id: {both}; it is muted by another id)"),
        (["mute", ann["pattern_id"], "--off"], f"no longer muted: {both})"),
        (
            ["merge", bob["pattern_id"], "--off"],
            f"no longer merged by choice: sold <*> to bob ({bob['events']:,} events)",
        ),
    ):
        done = call("patterns", *words, *db)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", f"{said}\n")


def test_a_loop_of_merges_is_refused(database: Path) -> None:
    """The other way round they are one already; the same once more is no loop."""
    db = ("--db", str(database))
    found = _list(database)
    ann, bob, eve = (found[f"sold <*> to {name}"]["pattern_id"] for name in ("ann", "bob", "eve"))
    for words in ([ann, bob], [ann, bob], [bob, eve]):
        assert call("patterns", "merge", *words, *db).returncode == 0
    for words in ([bob, ann], [eve, ann]):
        done = call("patterns", "merge", *words, *db)
        assert done.returncode == 2
        assert f"patterns {words[0]} and {words[1]} are one already" in " ".join(done.stderr.split())


def test_values_of_a_sample_say_so(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of how many of the pattern's events they are."""
    monkeypatch.setattr(pattern_listing, "_SAMPLE", pattern_listing._SAMPLE.replace("LIMIT 10000", "LIMIT 10"))
    stock = _list(database)["no stock of <*>"]["pattern_id"]
    shown = call("patterns", "show", stock, "--db", str(database)).stdout
    assert "10 values in the newest 10 of 36 events" in shown


@pytest.mark.parametrize(
    "command", [["patterns"], ["findings"], ["incidents"], ["cost"], ["report", "volume-by-stream"]]
)
def test_a_service_that_is_not_there_is_told(database: Path, command: list[str]) -> None:
    """With those that are."""
    told = "note: there is no service 'nosuch' in this store; there are shop, till\n"
    assert told in call(*command, "--service", "nosuch", "--db", str(database)).stderr
    assert "no service" not in call(*command, "--service", "shop", "--db", str(database)).stderr


def test_no_line_ends_in_blanks(database: Path) -> None:
    """Not where a text is wrapped either."""
    shown = call("patterns", "--db", str(database)).stdout
    assert shown
    assert [line for line in shown.splitlines() if line != line.rstrip()] == []

"""`logpipe incidents`, and incidents in the lists of findings."""

import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from logpipe.store import Store, rollup
from tests.commands import call


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four hours of a shop that calls a till for each sale; for ten minutes both fail together, and later mail does."""
    path = tmp_path_factory.mktemp("store") / "logs.duckdb"
    with Store.open(path) as store, store.transaction() as connection:
        connection.execute(
            """
            INSERT INTO events (ts, service, severity, level, message, request_id, source_id, source_pos, bytes)
            SELECT ts, service, if(failed, 17, 9), if(failed, 'ERROR', 'INFO'), if(failed, 'no \x1b[31mstock', 'sold'),
                if(service = 'mail', NULL, 'r' || i), 7, i * 100, 100
            FROM (SELECT i, service,
                    TIMESTAMPTZ '2026-01-05 00:00:00Z' + to_seconds(2 * i + (service = 'shop')::INTEGER) AS ts,
                    i % 400 = 0 OR (i % 3 = 0 AND i - if(service = 'mail', 6000, 4500) BETWEEN 0 AND 299) AS failed
                FROM range(7200) AS numbers(i), (VALUES ('shop'), ('till'), ('mail')) AS services(service))
            """
        )
        rollup.roll_up(connection, "events")
        connection.execute("INSERT INTO ledger VALUES (1, 7, 0, 720000, 21600, 21600, 0, 0, 0, 0, 0, '', '', now())")
        connection.execute(
            "INSERT INTO sources (source_id, path, family, generation, size, head, format, service, time_zone, state, "
            "first_seen_at) VALUES (7, 'logs/shop.jsonl', 'shop', 1, 0, '', 'logpipe', 'shop', 'UTC', 'active', now())"
        )
    assert call("analyze", "--db", str(path)).returncode == 0
    return path


def _json(*words: str) -> list[dict[str, Any]]:
    done = call(*words, "--json")
    assert done.returncode == 0, done.stderr
    return [orjson.loads(line) for line in done.stdout.splitlines()]


def test_incidents_are_listed_with_what_probably_happened(database: Path) -> None:
    """Newest first; of several findings the first line tells order and evidence, of one its own sentence."""
    done = call("incidents", "--db", str(database))
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    heads = [line for line in lines if " incident " in line]
    assert heads[0].endswith("mail 1 finding")
    assert heads[1].endswith("till, shop 2 findings")
    text = " ".join(lines)
    assert "till: errors ×" in text
    assert "at the same time shop: errors ×" in text
    assert "(2 findings in 2 services; 100 requests in both)" in text
    assert "2 incidents" in done.stderr
    assert "\x1b" not in done.stdout


def test_one_incident_is_shown_whole(database: Path) -> None:
    """By its own id or a finding's: its findings and why they are together."""
    [_, both] = _json("incidents", "--db", str(database))
    assert both["services"] == ["till", "shop"]
    assert (both["severity"], both["status"]) == ("critical", "resolved")
    assert [link["reason"] for link in both["links"]] == ["100 requests in both"]
    for known in (both["incident_id"], both["finding_ids"][1]):
        done = call("incidents", known, "--db", str(database))
        assert all(finding_id in done.stdout for finding_id in both["finding_ids"])
        assert f"{both['finding_ids'][0]} and {both['finding_ids'][1]}: 100 requests in both" in done.stdout


def test_incidents_are_chosen_by_service_and_state(database: Path) -> None:
    """A service that was hit, and whether any of it lasts."""
    assert [one["services"] for one in _json("incidents", "--service", "mail", "--db", str(database))] == [["mail"]]
    assert _json("incidents", "--open", "--db", str(database)) == []


def test_findings_of_one_incident_stand_under_its_line(database: Path) -> None:
    """In the lists of findings and of an analysis; a finding on its own has no such line."""
    for command in ("findings", "analyze"):
        done = call(command, "--db", str(database))
        lines = [line for line in done.stdout.splitlines() if "2026-01-05 0" in line]
        assert len(lines) == 4
        [head] = [number for number, line in enumerate(lines) if " incident " in line]
        assert all(line.startswith("  critical") for line in lines[head + 1 : head + 3])
        assert sum(line.startswith("critical  error_spike") for line in lines) == 1


def test_a_mark_of_an_incident_is_of_all_its_findings(database: Path, tmp_path: Path) -> None:
    """By its id; how many they are is said, and no other finding is touched. It is taken back in the same way."""
    own = tmp_path / "own.duckdb"
    shutil.copy(database, own)
    db = ("--db", str(own))
    [_, both] = _json("incidents", *db)
    incident_id, ids = both["incident_id"], set(both["finding_ids"])

    def marked(mark: str) -> set[str]:
        return {one["finding_id"] for one in _json("findings", "--muted", *db) if one["mark"] == mark}

    many = f"2 findings of incident {incident_id}\n"
    assert call("findings", "mute", incident_id, *db).stderr == f"muted for good: {many}"
    assert marked("muted") == ids
    assert call("findings", "unmute", incident_id, *db).stderr == f"no longer muted: {many}"
    assert marked("muted") == set()
    assert call("findings", "note", incident_id, "the till", *db).stderr == f"noted: {many}"
    assert call("findings", "resolve", incident_id, *db).stderr == f"resolved: {many}"
    assert marked("resolved by hand") == ids
    for each in ids:
        said = _json("explain", each, *db)[0]["marks"]
        assert [one["action"] for one in said] == ["mute", "unmute", "note", "resolve"]


def test_an_incident_that_is_not_there_is_one_sentence(database: Path) -> None:
    """With what lists them."""
    done = call("incidents", "nonesuch", "--db", str(database))
    assert done.returncode == 1
    assert "no incident has the id 'nonesuch'" in done.stderr


def test_names_stay_on_their_line(database: Path, tmp_path: Path) -> None:
    """Control characters of a service are shown escaped, in the head of an incident and in what links it."""
    own = tmp_path / "own.duckdb"
    shutil.copy(database, own)
    with Store.open(own) as store:
        store.execute("UPDATE findings SET service = service || E'\n\x1b[31m'")
        store.execute("UPDATE incidents SET title = E'both\n\x1b[31mfail'")
    shown = call("incidents", "--db", str(own)).stdout
    assert r"till\n\x1b[31m, shop\n\x1b[31m  2 findings" in shown
    assert r"both\n\x1b[31mfail" in shown
    assert "\x1b" not in shown

"""`logpipe notify` and `logpipe findings ack`, as they are called."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from logpipe.cli.output import note
from logpipe.store import Store
from logpipe_analysis import findings
from tests.commands import call
from tests.shippers.http_server import Answers, serving
from tests.shippers.notify.people import START, a_finding, posted
from tests.stores import new_store


@pytest.fixture
def server() -> Iterator[Answers]:
    with serving() as answers:
        yield answers


@pytest.fixture
def config(tmp_path: Path, server: Answers) -> str:
    """Two channels, a route for what is critical, and a target that has nothing to do with people."""
    path = tmp_path / "ship.toml"
    path.write_text(
        f'[notify.chat]\nurl = "{server.url}/chat"\n[notify.pager]\nurl = "{server.url}/pager"\n'
        '[[route]]\nseverity = "critical"\nto = "chat"\nescalate = [{ after = "15m", to = "pager" }]\n'
    )
    return str(path)


@pytest.fixture
def db(tmp_path: Path) -> str:
    with new_store(tmp_path / "logs.duckdb") as store, store.transaction() as connection:
        findings.put(connection, a_finding("aaaa2222", "critical"), START)
        findings.put(connection, a_finding("bbbb2222"), START)
        findings.put(connection, a_finding("cccc2222", status="resolved", ended_at=START + timedelta(minutes=1)), START)
    return str(tmp_path / "logs.duckdb")


def test_each_channel_is_tried(config: str, server: Answers) -> None:
    """By name or all; what is sent says that it is a test."""
    done = call("notify", "test", "--config", config)
    assert (done.returncode, done.stdout, done.stderr) == (0, "chat: sent\npager: sent\n", "")
    assert [one["title"] for one in posted(server)] == [
        "[test] logpipe can reach chat",
        "[test] logpipe can reach pager",
    ]
    assert call("notify", "test", "pager", "--config", config).stdout == "pager: sent\n"


def test_one_that_fails_stops_no_other(config: str, server: Answers) -> None:
    """It is said which, and why; exit code 1."""
    server.say(403, "invalid_token")
    done = call("notify", "test", "--config", config)
    assert (done.returncode, done.stdout) == (1, "pager: sent\n")
    assert done.stderr.startswith(f"error: chat: {server.url}/*** answered 403: invalid_token; check the address")


def test_a_service_that_takes_its_time_is_waited_for_with_a_word(
    config: str, server: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On standard error; what becomes of it follows."""
    release = threading.Event()
    monkeypatch.setattr("logpipe.cli.notify._WAITS_S", 0.01)

    def noted(sentence: str) -> None:
        note(sentence)
        release.set()

    monkeypatch.setattr("logpipe.cli.output.note", noted)

    class Held(list[tuple[int, str, dict[str, str]]]):
        def __bool__(self) -> bool:
            assert release.wait(120)
            return False

    server.next = Held()
    done = call("notify", "test", "chat", "--config", config)
    assert (done.returncode, done.stdout) == (0, "chat: sent\n")
    assert done.stderr == "chat: waiting for the service; Ctrl-C ends it\n"


def test_a_channel_that_is_none_is_a_slip(config: str, tmp_path: Path) -> None:
    """With those that there are; so is a file without any."""
    done = call("notify", "test", "oncall", "--config", config)
    assert done.returncode == 2
    assert "there are chat, pager" in " ".join(done.stderr.replace("│", " ").split())
    (tmp_path / "none.toml").write_text("")
    assert "names no channel" in call("notify", "test", "--config", str(tmp_path / "none.toml")).stderr


def test_routes_say_where_each_open_finding_goes(config: str, db: str, server: Answers) -> None:
    """And which goes nowhere; nothing is sent."""
    done = call("notify", "routes", "--config", config, "--db", db)
    assert done.returncode == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["aaaa2222", "critical", "web", "error_spike", "chat", "pager", "after", "15", "min"] in lines
    assert ["bbbb2222", "warning", "web", "error_spike", "nobody", "–"] in lines or [
        "bbbb2222", "warning", "web", "error_spike", "nobody",
    ] in lines  # fmt: skip
    assert not any("cccc2222" in line for line in lines)
    assert done.stderr == "2 open, of which 1 go to nobody\n"
    told = call("notify", "routes", "--config", config, "--db", db, "--json").stdout.splitlines()
    rows = {row["finding_id"]: row for row in map(orjson.loads, told)}
    assert rows["aaaa2222"]["to"] == ["chat"]
    assert rows["aaaa2222"]["escalate"] == [{"after_s": 900.0, "to": ["pager"]}]
    assert server.got == []


def test_routes_say_who_is_at_a_finding(config: str, db: str) -> None:
    """Nobody else will be called for it, nor for what was told with it."""
    with Store.open(db) as store, store.transaction() as connection:
        findings.put(connection, a_finding("dddd2222", "critical"), START)
    assert call("ship", "all", "--config", config, "--db", db).returncode == 0
    assert call("findings", "ack", "dddd2222", "--by", "Ada", "--db", db).returncode == 0
    done = call("notify", "routes", "--config", config, "--db", db)
    assert done.stdout.count("acknowledged by Ada") == 2
    assert "15 min" not in done.stdout
    told = call("notify", "routes", "--config", config, "--db", db, "--json").stdout.splitlines()
    rows = {row["finding_id"]: row for row in map(orjson.loads, told)}
    assert (rows["aaaa2222"]["acknowledged_by"], rows["aaaa2222"]["escalate"]) == ("Ada", [])
    assert rows["bbbb2222"]["acknowledged"] is False


def test_ship_tells_people_as_it_ships(config: str, db: str, server: Answers) -> None:
    """A channel is a target; a second run has nothing to tell."""
    assert call("ship", "all", "--config", config, "--db", db).returncode == 0
    assert [one["finding_ids"] for one in posted(server)] == [["aaaa2222"]]
    assert call("ship", "all", "--config", config, "--db", db).returncode == 0
    assert server.got == []


def test_a_kill_repeats_the_message_that_was_under_way_and_no_other(config: str, db: str, server: Answers) -> None:
    """Killed after the server has it and before that is known: the next run sends it once more, with the same key."""
    reached, release = threading.Event(), threading.Event()

    class Held(list[tuple[int, str, dict[str, str]]]):
        def __bool__(self) -> bool:
            reached.set()
            assert release.wait(120)
            return False

    server.next = Held()
    command = [sys.executable, "-m", "logpipe", "ship", "all", "--config", config, "--db", db]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        assert reached.wait(120)
    finally:
        process.kill()
        process.wait()
        server.next = []
        release.set()
    for _ in range(2):
        assert call("ship", "all", "--config", config, "--db", db).returncode == 0
    first, again = server.got
    assert first.headers["Idempotency-Key"] == again.headers["Idempotency-Key"]
    assert orjson.loads(first.body)["finding_ids"] == orjson.loads(again.body)["finding_ids"] == ["aaaa2222"]


def test_a_finding_is_acknowledged(config: str, db: str, server: Answers) -> None:
    """Channels hear of it, `explain` shows it; what is resolved needs nobody."""
    call("ship", "all", "--config", config, "--db", db)
    done = call("findings", "ack", "aaaa2222", "--by", "Ada", "--db", db)
    assert (done.returncode, done.stderr) == (0, "acknowledged: web: errors ×36 (aaaa2222)\n")
    call("ship", "all", "--config", config, "--db", db)
    assert [one["message"] for one in posted(server)] == ["problem", "acknowledged"]
    resolved = call("findings", "ack", "cccc2222", "--db", db)
    assert (resolved.returncode, resolved.stderr) == (0, "resolved, and needs nobody: web: errors ×36 (cccc2222)\n")
    with Store.open(db) as store:
        assert store.execute("SELECT finding_id, action, text FROM finding_marks") == [
            ("aaaa2222", "acknowledge", "Ada")
        ]

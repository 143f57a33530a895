"""`logpipe ship loki`: to a server, into a file, or not at all."""

import gzip
import json
import re
import ssl
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import trustme
import typer.main

from logpipe.cli.ship import app
from logpipe.store import Store
from logpipe.store.rollup import roll_up
from logpipe_shippers.delivery.backoff import Backoff
from logpipe_shippers.loki import Limits
from logpipe_shippers.loki.metadata import ENVIRONMENT, LANE, OMITTED, SERVICE, STREAM
from tests.commands import Done, call
from tests.shippers.loki_receiver import Loki, serving
from tests.shippers.loki_stores import NOW, add
from tests.store.owners import following, until
from tests.stores import copied, new_store


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Events of the last 36 minutes, one a minute, of two services in turn."""
    path = tmp_path_factory.mktemp("loki") / "logs.duckdb"
    with new_store(path) as store:
        for n in range(36):
            row = {
                "ts": NOW - timedelta(minutes=36 - n),
                "service": ["web", "worker"][n % 2],
                "message": f"message {n}",
            }
            add(store, row | {"environment": "prod", "stream": "app", "level": "INFO"})
        with store.transaction() as connection:
            roll_up(connection, "events")
    return path


@pytest.fixture
def db(made: Path, tmp_path: Path) -> Path:
    return copied(made, tmp_path / "logs.duckdb")


def run(db: Path, *arguments: str) -> Done:
    return call("ship", "loki", "--db", str(db), *arguments)


def test_a_second_run_goes_on_where_the_first_one_ended(db: Path) -> None:
    """And one under another name begins anew, which Loki does not keep twice."""
    with serving(Loki(tenant="shop")) as loki:
        done = run(db, "--url", loki.url, "--tenant", "shop")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "loki:main: 36 taken, 0 refused\n")
        with Store.open(db) as store:
            add(store, {"message": "later"})
        assert "loki:main: 1 taken" in run(db, "--url", loki.url, "--tenant", "shop", "--format", "json").stderr
        assert "loki:other: 37 taken" in run(db, "--url", loki.url, "--tenant", "shop", "--name", "other").stderr
        assert len(loki.lines) == 37


def test_a_refused_line_fails_the_command_and_is_found_by_sql(db: Path) -> None:
    """With its reason, beside the event."""
    with Store.open(db) as store:
        add(store, {"ts": NOW - timedelta(days=30), "message": "ancient"})
    with serving(Loki()) as loki:
        done = run(db, "--url", loki.url, "--since", "60d")
    assert (done.returncode, done.stderr) == (1, "loki:main: 36 taken, 1 refused\n")
    sql = "SELECT message, reason FROM refusals JOIN events USING (source_id, source_pos)"
    [row] = json.loads(f"[{call('query', sql, '--format', 'json', '--db', str(db)).stdout}]")
    assert row["message"] == "ancient"
    assert row["reason"].startswith("timestamp too old")


def test_a_dry_run_says_what_would_be_refused_and_sends_nothing(db: Path) -> None:
    """By reason, with an example; the database is as it was, and no server is needed."""
    with Store.open(db) as store:
        add(store, *[{"ts": NOW - timedelta(days=30 + n)} for n in range(3)], {"ts": NOW + timedelta(hours=1)})
    done = run(db, "--dry-run", "--since", "60d")
    assert done.returncode == 1
    told = " ".join(done.stdout.split())
    assert told.startswith("36 would be sent, 4 would be refused 3: timestamp too old: ")
    assert "; as source 1 at byte 360 1: timestamp too new: " in told
    with Store.open(db) as store:
        assert store.execute("SELECT count(*) FROM shipping") == [(0,)]
    assert run(db, "--dry-run", "--since", "1h", "--service", "worker").stdout.startswith("18 would be sent, 0")


def test_a_new_target_leaves_out_what_is_older_than_asked_for(db: Path) -> None:
    """Of a portion that holds both; later runs keep to it."""
    with serving(Loki()) as loki:
        done = run(db, "--url", loki.url, "--since", "5m")
        assert done.returncode == 0
        left_out, last = done.stderr.splitlines()
        assert left_out.startswith("loki:main: 31 events from before ")
        assert last == "loki:main: 5 taken, 0 refused"
        with Store.open(db) as store:
            add(store, {"ts": NOW - timedelta(minutes=20)}, {"ts": NOW, "message": "later"})
        assert "loki:main: 1 taken" in run(db, "--url", loki.url).stderr
        assert len(loki.lines) == 6


def test_where_all_is_older_than_a_new_target_begins_this_is_said(tmp_path: Path) -> None:
    """With what to give, by a run that sends nothing as by a dry run."""
    database = tmp_path / "logs.duckdb"
    with new_store(database) as store:
        add(store, *[{"ts": NOW - timedelta(days=90)}] * 3)
    for way in (["--dry-run"], ["--url", "http://127.0.0.1:9"]):
        began = datetime.now(UTC)
        done = run(database, *way)
        ended = datetime.now(UTC)
        assert done.returncode == 0
        said = re.search(r"^warning: loki:main: 3 events from before (\S+ \S+) UTC", done.stderr, re.MULTILINE)
        assert said is not None, done.stderr
        before = datetime.fromisoformat(f"{said[1]}Z") + timedelta(days=7)
        assert began.replace(microsecond=0) <= before <= ended
        assert "--since" in done.stderr
    assert run(database, "--dry-run", "--since", "100d").stdout.startswith("0 would be sent, 3 would be refused")


@pytest.mark.parametrize(("long_s", "times"), [(1.0, 1), (0.001, 2)])
def test_trouble_is_told_while_it_lasts(db: Path, monkeypatch: pytest.MonkeyPatch, long_s: float, times: int) -> None:
    """With the wait before the next attempt: at first, and before each wait that somebody notices."""

    def failed(self: Backoff, _asked_s: float | None = None) -> float:
        self.failures += 1
        return 0.001

    monkeypatch.setattr(Backoff, "failed", failed)
    monkeypatch.setattr("logpipe_shippers.delivery.run._LONG_S", long_s)
    with serving(Loki(troubles=["500", "500"])) as loki:
        done = run(db, "--url", loki.url)
    assert done.returncode == 0
    told = f"{loki.url}/loki/api/v1/push answered 500: not now; trying again in 0.001 s"
    assert done.stderr.splitlines() == [
        *[f"warning: loki:main: {told}"] * times,
        "loki:main: goes on after 2 failures",
        "loki:main: 36 taken, 0 refused",
    ]


def test_a_user_without_a_password_is_wrong_usage(db: Path) -> None:
    """Nothing would be sent of the name."""
    for kind in ("loki", "otlp", "alertmanager"):
        done = call("ship", kind, "--url", "http://127.0.0.1:9", "--user", "me", "--db", str(db))
        assert done.returncode == 2
        assert "--user needs --password-file" in done.stderr


def test_each_line_of_the_file_can_be_posted_as_it_is(db: Path, tmp_path: Path) -> None:
    """It holds payloads, one a line; posted beside what was shipped, they make no second copy."""
    target = tmp_path / "loki.jsonl"
    done = run(db, "-o", str(target), "--batch-bytes", "1000")
    assert done.returncode == 0
    assert "36 lines" in done.stderr
    assert len(target.read_bytes().splitlines()) > 2
    with serving(Loki()) as loki:
        headers = {"Content-Type": "application/json"}
        for body in target.read_bytes().splitlines():
            url = f"{loki.url}/loki/api/v1/push"
            assert httpx.post(url, content=body, headers=headers).status_code == 204
            packed = headers | {"Content-Encoding": "gzip"}
            assert httpx.post(url, content=gzip.compress(body), headers=packed).status_code == 204
        assert run(db, "--url", loki.url).returncode == 0
        assert len(loki.lines) == 36
    assert run(db, "-o", "-", "--batch-bytes", "1000").stdout.encode() == target.read_bytes()


def test_filters_choose_services_and_times(db: Path) -> None:
    """--service, --since and --until narrow the file; spans count back from the newest event."""
    lines = [
        line
        for body in run(db, "-o", "-", "--service", "web", "--since", "12m", "--until", "6m").stdout.splitlines()
        for stream in json.loads(body)["streams"]
        for _, line, _ in stream["values"]
    ]
    assert lines == [f"message {i}" for i in (24, 26, 28)]


def test_events_without_a_time_are_not_left_out_in_silence(tmp_path: Path) -> None:
    """Of a file, the command says how many there are."""
    with new_store(tmp_path / "logs.duckdb") as store:
        add(store, {"ts": None})
    done = run(tmp_path / "logs.duckdb", "-o", "-")
    assert (done.returncode, done.stdout) == (0, "")
    assert "1 events have no time" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["-o", "x", "--url", "http://localhost:1"],
        ["-o", "x", "--follow"],
        ["-o", "x", "--dry-run"],
        ["--url", "http://localhost:1", "--until", "1h"],
        ["--url", "http://localhost:1", "--follow", "--dry-run"],
        ["-o", "-", "--since", "yesterday"],
        ["-o", "-", "--since", "1h", "--until", "2h"],
        ["-o", "-", "--batch-bytes", "10"],
    ],
)
def test_wrong_usage_exits_with_two(db: Path, arguments: list[str]) -> None:
    """Options that make no sense are usage errors, before anything is written or sent."""
    done = run(db, *arguments)
    assert (done.returncode, done.stdout) == (2, "")


def test_tls_is_checked_and_secrets_are_not_shown(db: Path, tmp_path: Path) -> None:
    """By an authority that is named; without it nothing is sent, and neither error nor store shows the password."""
    authority, password, certificate = trustme.CA(), tmp_path / "password", tmp_path / "ca.pem"
    password.write_text("horse\n")
    authority.cert_pem.write_to_path(str(certificate))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    with serving(Loki(authorization="Basic bWU6aG9yc2U="), tls) as loki:
        wanted = ["--url", loki.url, "--user", "me", "--password-file", str(password)]
        done = run(db, *wanted)
        assert done.returncode == 1
        assert "is not trusted" in done.stderr
        assert run(db, *wanted, "--ca-file", str(certificate)).returncode == 0
        assert len(loki.lines) == 36
        password.write_text("battery\n")
        with Store.open(db) as store:
            add(store, {})
        done = run(db, *wanted, "--ca-file", str(certificate))
        assert done.returncode == 1
        assert "answered 401: Unauthorized" in done.stderr
        with Store.open(db) as store:
            assert "battery" not in done.stderr + str(store.execute("FROM shipping"))


def test_a_target_of_a_configuration_file(db: Path, tmp_path: Path) -> None:
    """Its table holds the settings, limits included."""
    config = tmp_path / "ship.toml"
    with serving(Loki()) as loki:
        config.write_text(f'[loki.main]\nurl = "{loki.url}"\nformat = "json"\nmax_age = "7d"\nservices = ["web"]\n')
        done = call("ship", "all", "--config", str(config), "--db", str(db))
        assert (done.returncode, done.stderr) == (0, "loki:main: 18 taken, 0 refused\n")
        assert len(loki.lines) == 18


def test_a_database_that_an_ingest_follows_into_is_shipped_through_it(tmp_path: Path) -> None:
    """The cursor is written by the process that has the database."""
    log = tmp_path / "app.log"
    log.write_bytes(b"".join(b'{"timestamp": "%s", "message": "m%d"}\n' % (_now(), n) for n in range(50)))
    database = tmp_path / "logs.duckdb"
    with following(database, log), serving(Loki()) as loki:
        until(lambda: run(database, "--url", loki.url).returncode == 0 and len(loki.lines) == 50)
        assert sum(loki.requested_lines) == 50


def _now() -> bytes:
    return NOW.isoformat().replace("+00:00", "Z").encode()


PAGE = (Path(__file__).parents[2] / "docs" / "shipping.md").read_text()


def test_each_option_setting_and_name_is_documented() -> None:
    """What the command takes, what a table of a target may hold, and what Loki sees."""
    group = typer.main.get_command(app)
    options = [one.opts[0] for one in group.commands["loki"].params]  # type: ignore[attr-defined] # a group's commands
    limits = [f"`{field.name}`" for field in fields(Limits)]
    assert len(options) > 10
    assert [name for name in (*options, *limits, SERVICE, ENVIRONMENT, STREAM, LANE, OMITTED) if name not in PAGE] == []

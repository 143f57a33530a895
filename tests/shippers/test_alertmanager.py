"""Findings and a real Alertmanager: told once, grouped, silenced by labels, resolved, whatever dies meanwhile."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import orjson
import pytest

from logpipe.store import Store, rollup
from logpipe_shippers.delivery.backoff import Backoff
from tests.commands import Done, call
from tests.deploy.debian import ROOT, run
from tests.deploy.servers import reserved_port, until
from tests.shippers.alertmanager_server import PACKAGE, Running, alertmanager
from tests.shippers.http_server import serving
from tests.stores import copied

START = datetime(2026, 1, 5, tzinfo=UTC)


def add_hours(store: Store, begin: int, count: int, failing: str) -> None:
    """So many records of a shop that calls a till for each sale, one each two seconds; some of them fail."""
    with store.transaction() as connection:
        connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE batch AS SELECT * FROM events LIMIT 0;
            INSERT INTO batch BY NAME
            SELECT ts, service, if(failed, 17, 9) AS severity, if(failed, 'ERROR', 'INFO') AS level,
                if(failed, 'no \x1b[31mstock', 'sold') AS message, 'r' || i AS request_id, 7 AS source_id,
                i * 100 AS source_pos, 100 AS bytes
            FROM (SELECT i, service, TIMESTAMPTZ '{START}' + to_seconds(2 * i) AS ts,
                    i % 400 = 0 OR (i % 3 = 0 AND {failing}) AS failed
                FROM range({begin}, {begin + count}) AS numbers (i), (VALUES ('shop'), ('till')) AS services (service));
            INSERT INTO events SELECT * FROM batch
            """
        )
        rollup.roll_up(connection, "batch")
        connection.execute(
            "INSERT INTO ledger VALUES (nextval('ledger_ids'), 7, ?, ?, ?, ?, 0, 0, 0, 0, 0, '', '', now())",
            [begin * 100, (begin + count) * 100, 2 * count, 2 * count],
        )


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four hours of it, analysed; in the last ten minutes both services fail."""
    path = tmp_path_factory.mktemp("store") / "logs.duckdb"
    with Store.open(path) as store:
        add_hours(store, 0, 7200, "i >= 6900")
        store.execute(
            "INSERT INTO sources (source_id, path, family, generation, size, head, format, service, time_zone, state, "
            "first_seen_at) VALUES (7, 'logs/shop.jsonl', 'shop', 1, 0, '', 'logpipe', 'shop', 'UTC', 'active', now())"
        )
    assert call("analyze", "--db", str(path)).returncode == 0
    return path


@pytest.fixture
def db(failing: Path, tmp_path: Path) -> Path:
    return copied(failing, tmp_path / "logs.duckdb")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with alertmanager(tmp_path) as running:
        yield running


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are as in life, but a thousand times as short."""
    failed = Backoff.failed
    monkeypatch.setattr(Backoff, "failed", lambda self, asked_s=None: failed(self, asked_s) / 1000)


def ship(db: Path, url: str, *more: str) -> Done:
    return call("ship", "alertmanager", "--url", url, "--db", str(db), *more)


def recover(db: Path) -> None:
    """An hour without failures, analysed."""
    with Store.open(db) as store:
        add_hours(store, 7200, 1800, "false")
    assert call("analyze", "--db", str(db)).returncode == 0


def remembered(db: Path) -> list[str]:
    with Store.open(db, read_only=True) as store:
        return [state for (state,) in store.execute("SELECT state FROM alerts_sent ORDER BY ALL")]


@pytest.mark.real
def test_findings_are_told_once_together_and_their_end_too(db: Path, server: Running) -> None:
    """Whatever number of runs there is in between."""
    with Store.open(db, read_only=True) as store:
        ids = dict(store.execute("SELECT service, finding_id FROM findings"))
        [(incident,)] = store.execute("SELECT incident_id FROM incidents")
    begun = datetime.now(UTC)
    done = ship(db, server.url, "--external-url", "https://logs.example.org/")
    assert (done.returncode, done.stderr) == (0, "alertmanager:main: 2 taken, 0 refused\n")
    [told] = server.notified(1)
    found = server.alerts()
    assert [alert["labels"] for alert in found] == [
        {
            "alertname": "LogpipeErrorSpike",
            "severity": alert["labels"]["severity"],
            "component": "findings",
            "service": service,
            "kind": "error_spike",
            "finding": ids[service],
            "incident": incident,
        }
        for alert, service in zip(found, ("shop", "till"), strict=True)
    ]
    assert {alert["labels"]["severity"] for alert in found} <= {"warning", "critical"}
    first = found[0]
    assert first["generatorURL"] == f"https://logs.example.org/findings/{ids['shop']}"
    assert first["annotations"]["command"] == f"logpipe explain {ids['shop']}"
    assert datetime.fromisoformat(first["annotations"]["onset"]) == START + timedelta(hours=3, minutes=50)
    assert begun <= datetime.fromisoformat(first["startsAt"]) < datetime.now(UTC)
    lasts = datetime.fromisoformat(first["endsAt"]) - datetime.now(UTC)
    assert timedelta(minutes=3) < lasts <= timedelta(minutes=4)
    assert (told["status"], len(told["alerts"])) == ("firing", 2)
    assert told["groupLabels"] == {"incident": incident}

    ship(db, server.url)
    recover(db)
    assert remembered(db) == ["firing", "firing"]
    assert ship(db, server.url).stderr == "alertmanager:main: 2 taken, 0 refused\n"
    last = server.notified(2)[-1]
    assert (last["status"], {alert["status"] for alert in last["alerts"]}) == ("resolved", {"resolved"})
    assert (remembered(db), server.alerts()) == ([], [])
    assert ship(db, server.url).stderr == "alertmanager:main: 0 taken, 0 refused\n"
    assert len(server.told) == 2


@pytest.mark.real
def test_a_silence_by_label_holds_for_the_findings_of_that_label(db: Path, server: Running) -> None:
    """People hear of the others alone."""
    server.amtool("silence", "add", "--comment=known", "service=till", "component=findings")
    ship(db, server.url)
    [told] = server.notified(1)
    assert [alert["labels"]["service"] for alert in told["alerts"]] == ["shop"]
    assert "LogpipeErrorSpike" in server.amtool("alert", "query", "--silenced", "service=till")
    assert server.amtool("alert", "query", "--active", "-o", "json").count('"LogpipeErrorSpike"') == 1
    assert "service=till" in server.amtool("silence", "query").replace('"', "")


@pytest.mark.real
def test_a_shipper_that_is_killed_goes_on_with_what_it_had_to_tell(db: Path, server: Running) -> None:
    """What ended while it was dead is resolved when it is back, and what lasts is not told a second time."""
    with _following(db, server.url):
        until(lambda: len(server.alerts()) == 2, server.alerts)
    assert ship(db, server.url).returncode == 0
    recover(db)
    with _following(db, server.url):
        server.notified(2)
    assert [told["status"] for told in server.told] == ["firing", "resolved"]


@contextmanager
def _following(db: Path, url: str) -> Iterator[None]:
    """A shipper in a process of its own, which is killed at the end."""
    command = [sys.executable, "-m", "logpipe", "ship", "alertmanager", "--follow", "--url", url, "--db", str(db)]
    shipper = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        shipper.kill()
        shipper.wait()


@pytest.mark.usefixtures("quick")
def test_a_dead_alertmanager_is_told_when_it_is_back(db: Path) -> None:
    """Without --follow the run gives up with one sentence, and nothing counts as sent."""
    with reserved_port() as port:
        done = ship(db, f"http://127.0.0.1:{port}")
    assert done.returncode == 1
    assert done.stderr.count("error: ") == 1
    assert remembered(db) == []
    with Store.open(db) as store:
        [(retries, error)] = store.execute("SELECT retries, error FROM shipping WHERE failing_since IS NOT NULL")
    assert (retries, "cannot be reached" in error) == (8, True)
    with serving() as back:
        assert ship(db, back.url).returncode == 0
        assert [request.path for request in back.got] == ["/api/v2/alerts"]
    assert remembered(db) == ["firing", "firing"]


def test_a_receiver_that_is_none_is_noticed_before_there_is_a_finding(tmp_path: Path) -> None:
    """An empty list is sent where nothing is open."""
    db = tmp_path / "logs.duckdb"
    Store.open(db).close()
    with serving() as answers:
        answers.say(401, "who are you")
        done = ship(db, answers.url)
        assert (done.returncode, [request.body for request in answers.got]) == (1, [b"[]"])
    assert "answered 401: who are you" in done.stderr
    assert httpx.URL(answers.url).host in done.stderr


@pytest.mark.real
@pytest.mark.parametrize(
    ("severity", "receivers"), [("critical", "pagerduty,slack-application"), ("warning", "slack-application")]
)
def test_the_routes_that_are_shipped_find_findings(db: Path, severity: str, receivers: str) -> None:
    """By the labels that they really have, but for the severity."""
    with serving() as answers:
        ship(db, answers.url)
        labels = orjson.loads(answers.got[0].body)[0]["labels"] | {"severity": severity}
    config = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
    words = [f"{name}={value}" for name, value in labels.items()]
    assert run("amtool", PACKAGE, "config", "routes", "test", f"--config.file={config}", *words).strip() == receivers

"""A Pushgateway: what it is sent, how its answers are taken, and what the store and its metrics know of that."""

import base64
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from logpipe.errors import SettingError
from logpipe.store import Store
from logpipe_shippers.delivery import record
from logpipe_shippers.delivery.backlog import Cursor
from logpipe_shippers.delivery.receiver import Misconfigured
from logpipe_shippers.delivery.run import run
from logpipe_shippers.delivery.shipper import Delivery, Refusal
from logpipe_shippers.prometheus import exposition
from logpipe_shippers.prometheus.pushgateway import target
from tests.commands import call
from tests.shippers.http_server import Answers, serving
from tests.shippers.test_prometheus import add, key, named, read
from tests.stores import new_store

ACCEPTED, REFUSED, RETRIES, BEHIND, FAILING, SUCCEEDED = (
    f"logpipe_ship_{name}"
    for name in (
        *("accepted_total", "refused_total", "retries_total"),
        *("behind_events", "failing_seconds", "last_success_timestamp_seconds"),
    )
)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "logs.duckdb"
    with new_store(path) as store:
        add(store, [{"level": "INFO"}])
    return path


@pytest.fixture
def gateway() -> Iterator[Answers]:
    with serving() as answers:
        yield answers


def metrics(db: Path) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    with Store.open(db, read_only=True) as store:
        return read(exposition(store))


def test_a_push_replaces_the_metrics_of_its_job(db: Path, gateway: Answers) -> None:
    """By PUT, once without --follow; what it was is in the store."""
    done = call("ship", "prometheus", "--pushgateway", gateway.url, "--job", "nightly", "--db", str(db))
    assert done.returncode == 0, done.stderr
    [got] = gateway.got
    assert (got.method, got.path) == ("PUT", "/metrics/job/nightly")
    assert got.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    pushed = read(got.body)
    assert pushed[key("logpipe_events_total", service="web", stream="unknown", level="INFO")] == 1
    known = metrics(db)
    of_cli = {"target": "pushgateway:cli"}
    assert (known[key(ACCEPTED, **of_cli)], known[key(FAILING, **of_cli)]) == (len(pushed), 0)
    assert not named(known, BEHIND)


@pytest.mark.parametrize(
    ("table", "path"),
    [
        ({}, "/metrics/job/logpipe"),
        ({"job": "a b/c"}, "/metrics/job@base64/" + base64.urlsafe_b64encode(b"a b/c").decode()),
        ({"job": "é %", "grouping": {"z": "1", "a": ""}}, "/metrics/job/%C3%A9%20%25/a@base64/=/z/1"),
    ],
)
def test_the_group_is_in_the_path(db: Path, gateway: Answers, table: dict[str, object], path: str) -> None:
    """Escaped as the gateway has it; behind a proxy's path that ends like a job, too."""
    for below in ("", "/logpipe", "/logpipe/"):
        assert run([target("main", {"url": gateway.url + below, **table}, "[t]")], str(db), follow=False) == []
        assert gateway.got[-1].path == below.rstrip("/") + path


def test_it_is_pushed_again_each_interval(db: Path, gateway: Answers) -> None:
    """With --follow, what is new in between with it."""
    stop = threading.Event()

    def told(_: str, __: Delivery) -> None:
        with Store.open(db) as store:
            add(store, [{"level": "INFO"}])
        if len(gateway.got) == 3:
            stop.set()

    one = target("main", {"url": gateway.url, "interval": "20ms"}, "[t]")
    assert run([one], str(db), follow=True, stop=stop, told=told) == []
    counts = [named(read(got.body), "logpipe_events_total") for got in gateway.got]
    assert [sum(each.values()) for each in counts] == [1, 2, 3]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "-", "--pushgateway", "http://localhost:9091"], "exclude each other"),
        (["-o", "-", "--follow"], "needs a file"),
    ],
)
def test_ways_that_exclude_each_other_are_refused(db: Path, words: list[str], said: str) -> None:
    """As wrong usage, before anything is read."""
    done = call("ship", "prometheus", "--db", str(db), *words)
    assert done.returncode == 2
    assert said in done.stderr


def test_what_is_refused_waits_for_a_person(db: Path, gateway: Answers) -> None:
    """The next push would be refused, too; the metrics tell for how long."""
    gateway.say(400, "inconsistent metrics")
    [error] = run([target("main", {"url": gateway.url}, "[t]")], str(db), follow=False)
    assert isinstance(error, Misconfigured)
    assert "inconsistent metrics" in str(error)
    known = metrics(db)
    of_main = {"target": "pushgateway:main"}
    assert known[key(FAILING, **of_main)] > 0
    assert known[key(RETRIES, **of_main)] == 1
    assert key(SUCCEEDED, **of_main) not in known


def test_a_password_goes_to_the_gateway_alone(db: Path, gateway: Answers, tmp_path: Path) -> None:
    """From its file; an answer that repeats it is not repeated."""
    secret = tmp_path / "password"
    secret.write_text("c0rrect-horse\n")
    gateway.say(401, "no: c0rrect-horse")
    words = ("--user", "shop", "--password-file", str(secret))
    done = call("ship", "prometheus", "--pushgateway", gateway.url, "--db", str(db), *words)
    assert done.returncode == 1
    assert "answered 401" in done.stderr
    assert "c0rrect" not in done.stderr
    credentials = base64.b64encode(b"shop:c0rrect-horse").decode()
    assert gateway.got[0].headers["Authorization"] == f"Basic {credentials}"


def test_a_job_needs_a_name() -> None:
    """Before anything is sent."""
    with pytest.raises(SettingError, match="has no name"):
        target("main", {"url": "http://localhost:9091", "job": ""}, "[t]")


def test_each_target_tells_how_it_fares(db: Path) -> None:
    """From the store, so that a restart changes nothing."""
    with Store.open(db) as store:
        store.execute(
            """
            INSERT INTO ledger BY NAME
            SELECT i AS ledger_id, 1 AS source_id, i AS from_pos, i + 1 AS to_pos, 10 AS lines, 10 AS events,
                0 AS joined, 0 AS blanks, 0 AS divided, 0 AS rejects, 0 AS hash_from, ''::BLOB AS range_hash,
                ''::BLOB AS tail_hash, now() AS committed_at
            FROM range(1, 6) AS numbers(i)
            """
        )
        before = datetime.now(UTC).timestamp()
        record.settled(store, "loki:main", Delivery(18, [Refusal(1, 0, None, "too old")] * 2), None, Cursor(2, 0))
        record.failing(store, "loki:main", "down", retries=3)
        record.settled(store, "loki:ok\n", Delivery(50), None, Cursor(5, 0))
        record.settled(store, "alertmanager:main", Delivery(1))
    known = metrics(db)
    main, fine = {"target": "loki:main"}, {"target": "loki:ok�"}
    assert [known[key(name, **main)] for name in (ACCEPTED, REFUSED, RETRIES, BEHIND)] == [18, 2, 3, 30]
    assert [known[key(name, **fine)] for name in (ACCEPTED, REFUSED, RETRIES, BEHIND)] == [50, 0, 0, 0]
    assert known[key(FAILING, **main)] > 0
    assert known[key(FAILING, **fine)] == 0
    assert known[key(SUCCEEDED, **main)] >= before
    assert len(named(known, BEHIND)) == 2

"""Events to a receiver of OTLP: each once, as OpenTelemetry has it, whatever the receiver answers."""

import json
import logging
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from logpipe.errors import SettingError
from logpipe.record import COLUMNS
from logpipe.store import Store
from logpipe_shippers.delivery import configuration
from logpipe_shippers.delivery.access import Access
from logpipe_shippers.delivery.backoff import Backoff
from logpipe_shippers.delivery.run import run
from logpipe_shippers.otlp import Otlp, Settings, target
from logpipe_shippers.otlp.records import ATTRIBUTES, RESOURCE
from logpipe_shippers.otlp.target import HALVINGS, MOST_BYTES
from logpipe_shippers.targets import KINDS
from tests.commands import call
from tests.shippers.http_server import Answers, serving
from tests.shippers.loki_stores import add_many
from tests.shippers.otlp_requests import partly, received, request_of, status
from tests.stores import new_store

PROTOBUF = {"Content_Type": "application/x-protobuf"}
WHOLE = {
    "timestamp": "2026-03-01T12:00:00.123456Z",
    "level": "ERROR",
    "stream": "error",
    "service": "shop",
    "environment": "prod",
    "version": "1.2.3",
    "host": "web1",
    "logger": "shop.cart",
    "event": "checkout",
    "message": "no stock",
    "template": "no %s",
    "duration_ms": 12.5,
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
    "span_id": "b7ad6b7169203331",
    "request_id": "r1",
    "user_id": "u1",
    "http_method": "POST",
    "http_route": "/cart/{id}",
    "http_path": "/cart/7",
    "http_status": 503,
    "db_system": "postgresql",
    "db_statement": "SELECT 1",
    "exception_type": "OutOfStock",
    "exception_message": "none left",
    "exception_stacktrace": "Traceback …",
    "module": "cart",
    "function": "buy",
    "line": 42,
    "process": 4711,
    "thread": "MainThread",
    "instance": "i-1",
    "seq": 7,
    "items": 3,
    "price": 9.5,
    "gift": True,
    "coupon": None,
    "cart": {"ids": [1, "two"], "deep": {"er": False}},
}


@pytest.fixture
def server() -> Iterator[Answers]:
    with serving() as answers:
        yield answers


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are as in life, but a thousand times as short."""
    failed = Backoff.failed
    monkeypatch.setattr(Backoff, "failed", lambda self, asked_s=None: failed(self, asked_s) / 1000)


_opened = ExitStack()
"""Stores that a test keeps open, so that to open them for each batch and each question costs next to nothing."""


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> int:
    """Events in one."""
    monkeypatch.setattr("logpipe_shippers.otlp.target.MOST_EVENTS", 100)
    return 100


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    with _opened:
        yield


def store_of(folder: Path, events: int, **columns: str) -> Path:
    """A database with so many events of one entry; columns are SQL of their number `n`."""
    path = folder / "logs.duckdb"
    store = _opened.enter_context(new_store(path))
    add(store, 0, events, **columns)
    store.execute(
        "INSERT INTO sources (source_id, path, family, generation, size, head, format, service, time_zone, state, "
        "first_seen_at) VALUES (1, 'logs/shop.jsonl', 'logs/shop', 1, 0, '', 'logpipe', 'shop', 'UTC', 'active', "
        "TIMESTAMPTZ '2026-03-01 00:00:00Z')"
    )
    return path


def add(store: Store, begin: int, events: int, **columns: str) -> None:
    given = {"message": "'event ' || n", "bytes": "10", **columns}
    with store.transaction() as connection:
        connection.execute(
            f"INSERT INTO events (ts, severity, service, source_id, source_pos, {', '.join(given)}) "
            f"SELECT TIMESTAMPTZ '2026-03-01 12:00:00Z' + to_seconds(n), 9, 'shop', 1, n * 10, "
            f"{', '.join(given.values())} FROM range({begin}, {begin + events}) AS numbers (n)"
        )
        connection.execute(
            "INSERT INTO ledger VALUES (nextval('ledger_ids'), 1, ?, ?, ?, ?, 0, 0, 0, 0, 0, '', '', now())",
            [begin * 10, (begin + events) * 10, events, events],
        )


def ship(db: Path, server: Answers, **settings: Any) -> list[str]:
    """What a run of one target comes to: why it gave up."""
    return [str(error) for error in run([Otlp("main", Settings(server.url, **settings))], str(db), follow=False)]


def counts(db: Path) -> tuple[int, int]:
    """Events that were taken, and those that were refused."""
    with Store.open(db) as store:
        [(accepted, refused)] = store.execute("SELECT accepted, refused FROM shipping")
        return accepted, refused


def refusals(db: Path) -> list[tuple[int, str]]:
    with Store.open(db) as store:
        return [(pos, why) for pos, why in store.execute("SELECT source_pos, reason FROM refusals ORDER BY source_pos")]


def test_an_event_has_its_fields_by_opentelemetrys_names(tmp_path: Path, server: Answers) -> None:
    """With their types, and with the place where it stands in its file."""
    (tmp_path / "shop.jsonl").write_text(json.dumps(WHOLE) + "\n")
    db = str(tmp_path / "logs.duckdb")
    assert call("ingest", str(tmp_path / "shop.jsonl"), "--db", db).returncode == 0
    done = call("ship", "otlp", "--url", server.url, "--db", db)
    assert (done.returncode, done.stderr) == (0, "otlp:main: 1 taken, 0 refused\n")
    [one] = received(server.got)
    assert one.resource == {
        "service.name": "shop",
        "service.version": "1.2.3",
        "deployment.environment.name": "prod",
        "host.name": "web1",
    }
    log = one.log
    assert (one.scope, log.event_name, log.body.string_value) == ("shop.cart", "checkout", "no stock")
    assert (log.severity_number, log.severity_text) == (17, "ERROR")
    assert log.time_unix_nano == 1_772_366_400_123_456_000
    assert log.observed_time_unix_nano > log.time_unix_nano
    assert (log.trace_id.hex(), log.span_id.hex()) == (WHOLE["trace_id"], WHOLE["span_id"])
    attributes = dict(one.attributes)
    assert attributes.pop("log.record.uid").endswith("-0")
    assert attributes == {
        "stream": "error",
        "template": "no %s",
        "duration_ms": 12.5,
        "request_id": "r1",
        "user.id": "u1",
        "http.request.method": "POST",
        "http.route": "/cart/{id}",
        "url.path": "/cart/7",
        "http.response.status_code": 503,
        "db.system.name": "postgresql",
        "db.query.text": "SELECT 1",
        "exception.type": "OutOfStock",
        "exception.message": "none left",
        "exception.stacktrace": "Traceback …",
        "module": "cart",
        "code.function.name": "buy",
        "code.line.number": 42,
        "process.pid": 4711,
        "thread.name": "MainThread",
        "instance": "i-1",
        "seq": 7,
        "items": 3,
        "price": 9.5,
        "gift": True,
        "cart": {"ids": [1, "two"], "deep": {"er": False}},
        "log.file.path": str(tmp_path / "shop.jsonl"),
        "log.file.name": "shop.jsonl",
        "log.file.record_offset": 0,
    }


def test_what_is_shipped_comes_back_as_the_event_that_it_was(tmp_path: Path, server: Answers) -> None:
    """A request as OTLP's JSON, ingested: the columns that OpenTelemetry has names for are alike."""
    (tmp_path / "shop.jsonl").write_text(json.dumps(WHOLE) + "\n")
    there, back = tmp_path / "there.duckdb", tmp_path / "back.duckdb"
    call("ingest", str(tmp_path / "shop.jsonl"), "--db", str(there))
    call("ship", "otlp", "--url", server.url, "--db", str(there))
    shipped = request_of(server.got[0])
    as_json = MessageToDict(shipped)
    for name in ("traceId", "spanId"):  # which JSON has in hexadecimal, unlike all other bytes
        log = shipped.resource_logs[0].scope_logs[0].log_records[0]
        value = log.trace_id if name == "traceId" else log.span_id
        as_json["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0][name] = value.hex()
    (tmp_path / "otlp.json").write_text(json.dumps(as_json) + "\n")
    assert call("ingest", str(tmp_path / "otlp.json"), "--db", str(back)).returncode == 0
    others = {"stream", "template", "duration_ms", "request_id", "module", "process", "instance", "seq"}
    columns = ", ".join(name for name in COLUMNS if name not in others)
    with Store.open(there) as one, Store.open(back) as other:
        assert one.execute(f"SELECT {columns} FROM events") == other.execute(f"SELECT {columns} FROM events")


def test_each_event_is_shipped_once_and_in_order(tmp_path: Path, server: Answers, small_batches: int) -> None:
    """In several batches; the next run ships what is new, and one with nothing new asks nobody."""
    there = 2 * small_batches + 50
    db = store_of(tmp_path, there)
    assert ship(db, server) == []
    assert len(server.got) == 3
    with Store.open(db) as store:
        add(store, 5000, 3)
    assert ship(db, server) == []
    assert ship(db, server) == []
    found = received(server.got)
    assert (len(server.got), counts(db)) == (4, (there + 3, 0))
    wanted = [*range(there), *range(5000, 5003)]
    assert [one.attributes["log.file.record_offset"] for one in found] == [10 * number for number in wanted]
    assert len({one.uid for one in found}) == there + 3


def test_requests_are_grouped_by_resource_and_scope(tmp_path: Path, server: Answers) -> None:
    """And a service that is not known has OpenTelemetry's name for that."""
    columns = {"logger": "if(n % 2 = 0, 'a', NULL)", "host": "'web' || n % 3"}
    db = store_of(tmp_path, 12, **columns)
    with Store.open(db) as store:
        store.execute("UPDATE events SET service = NULL WHERE source_pos = 0")
    ship(db, server, compression="none")
    [request] = map(request_of, server.got)
    assert [len(one.scope_logs) for one in request.resource_logs] == [1, 2, 2, 2]
    assert received(server.got)[0].resource == {"service.name": "unknown_service", "host.name": "web0"}
    assert len(received(server.got)) == 12


def test_large_events_make_small_batches(tmp_path: Path, server: Answers) -> None:
    """A request has about a megabyte, and a batch what sixteen megabytes of lines hold."""
    db = store_of(tmp_path, 40, message="repeat('x', 600_000)", bytes="600_000")
    target = Otlp("main", Settings(server.url))
    with Store.open(db) as store:
        batch = target.take(store)
    target.close()
    assert batch is not None
    assert 1 < len(batch.rows) * 600_000 <= MOST_BYTES
    assert ship(db, server) == []
    assert counts(db) == (40, 0)
    assert len(server.got) == 40


def test_records_of_one_line_have_ids_of_their_own(tmp_path: Path, server: Answers) -> None:
    """One line may hold several; the same ids come at the next attempt, after a kill, too."""
    db = store_of(tmp_path, 5)
    with Store.open(db) as store:
        store.execute("UPDATE events SET source_pos = 0")
        target = Otlp("main", Settings(server.url))
        batch = target.take(store)
        assert batch is not None
        target.send(batch)
        target.close()
    ship(db, server)
    ids = [one.uid for one in received(server.got)]
    assert (len(set(ids)), ids[:5]) == (5, ids[5:])


@pytest.mark.parametrize("code", [429, 502, 503, 504])
def test_a_busy_receiver_gets_the_same_again(tmp_path: Path, server: Answers, code: int) -> None:
    """The statuses that the protocol names, after as long as it asks for."""
    db = store_of(tmp_path, 3)
    server.say(code, status("busy"), Retry_After="2", **PROTOBUF)
    server.say(0)
    assert ship(db, server) == []
    assert (len(server.got), counts(db)) == (3, (3, 0))
    with Store.open(db) as store:
        assert store.execute("SELECT retries FROM shipping") == [(2,)]


def test_what_was_taken_of_a_batch_is_not_sent_again_with_the_rest(tmp_path: Path, server: Answers) -> None:
    """A receiver that goes away between two requests of a batch gets the second alone when it is back."""
    db = store_of(tmp_path, 4, message="repeat('x', 600_000)", bytes="600_000")
    for code in (200, 200, 503, 503, 200, 200):
        server.say(code)
    assert ship(db, server) == []
    assert [one.attributes["log.file.record_offset"] for one in received(server.got)] == [0, 10, 20, 20, 20, 30]


def test_a_receiver_that_hangs_is_given_up_and_tried_again(tmp_path: Path) -> None:
    """It takes the connection and says nothing."""
    db = store_of(tmp_path, 3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        [error] = run([Otlp("main", Settings(url, timeout_s=0.05))], str(db), follow=False)
    assert "cannot be reached (timed out)" in str(error)
    with serving() as server:
        ship(db, server)
        assert len(received(server.got)) == 3


@pytest.mark.parametrize("code", [400, 413, 500])
def test_refused_records_are_found_by_halving(tmp_path: Path, server: Answers, code: int) -> None:
    """And recorded one by one; also after a 500, which the protocol does not have tried again."""
    db = store_of(tmp_path, 4)
    for answer in (code, 200, code, code, 200):
        server.say(answer, status("body is too long") if answer == code else "", **PROTOBUF)
    assert ship(db, server) == []
    assert counts(db) == (3, 1)
    assert refusals(db) == [(20, f"refused with {code}: body is too long")]
    assert [len(received([got])) for got in server.got] == [4, 2, 2, 1, 1]
    assert call("ship", "otlp", "--url", server.url, "--db", str(db)).returncode == 0


def test_good_records_are_taken_however_many_are_refused(tmp_path: Path, server: Answers) -> None:
    """The search ends only where nothing is taken any more."""
    db = store_of(tmp_path, events := 2 * HALVINGS)
    bad = {10 * number for number in range(0, events, 4)}
    server.judge = lambda got: (
        400 if bad & {one.attributes["log.file.record_offset"] for one in received([got])} else 200
    )
    assert ship(db, server) == []
    assert counts(db) == (events - len(bad), len(bad))
    assert {at for at, _ in refusals(db)} == bad


def test_a_receiver_that_refuses_all_is_not_asked_of_each(tmp_path: Path, server: Answers) -> None:
    """What is left after so many halvings is recorded together, every event with the reason."""
    events = 3 * HALVINGS
    db = store_of(tmp_path, events)
    for _ in range(events):
        server.say(400, '{"message": "no logs here"}', Content_Type="application/json")
    done = call("ship", "otlp", "--url", server.url, "--db", str(db))
    assert (done.returncode, done.stderr) == (1, f"otlp:main: 0 taken, {events:,} refused\n")
    assert len(server.got) == 2 * HALVINGS + 1
    assert refusals(db) == [(10 * number, "refused with 400: no logs here") for number in range(events)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (partly(3, "too old"), "application/x-protobuf"),
        ('{"partialSuccess": {"rejectedLogRecords": "3", "errorMessage": "too old"}}', "application/json"),
    ],
)
def test_a_partial_success_is_recorded_and_not_sent_again(
    tmp_path: Path, server: Answers, text: str, kind: str
) -> None:
    """The receiver says how many it refused and not which: so it is recorded where they begin."""
    db = store_of(tmp_path, 10)
    server.say(200, text, Content_Type=kind)
    done = call("ship", "otlp", "--url", server.url, "--db", str(db))
    assert (done.returncode, done.stderr) == (1, "otlp:main: 7 taken, 3 refused\n")
    assert (len(server.got), counts(db)) == (1, (7, 3))
    assert refusals(db) == [(0, "3 of the 10 records from here on: too old")]


def test_a_success_of_nothing_is_recorded_for_each(tmp_path: Path, server: Answers) -> None:
    """Also where the receiver counts more than there were."""
    db = store_of(tmp_path, 3)
    server.say(200, partly(99, "quota"), **PROTOBUF)
    ship(db, server)
    assert (counts(db), refusals(db)) == ((0, 3), [(0, "quota"), (10, "quota"), (20, "quota")])


@pytest.mark.parametrize("text", ["", "<html>ok</html>", "[1]", '{"partialSuccess": {"rejectedLogRecords": "x"}}'])
@pytest.mark.parametrize("kind", ["application/x-protobuf", "application/json", "text/html"])
def test_any_other_success_is_one(tmp_path: Path, server: Answers, text: str, kind: str) -> None:
    """Receivers answer with what they like."""
    db = store_of(tmp_path, 3)
    server.say(200, text, Content_Type=kind)
    assert (ship(db, server), counts(db)) == ([], (3, 0))


def test_a_warning_is_passed_on_once(
    tmp_path: Path, server: Answers, caplog: pytest.LogCaptureFixture, small_batches: int
) -> None:
    """What a receiver says without refusing anything is for the log."""
    db = store_of(tmp_path, 2 * small_batches)
    for _ in range(2):
        server.say(200, partly(0, "move to v2"), **PROTOBUF)
    with caplog.at_level(logging.WARNING):
        ship(db, server)
    assert [one.getMessage() for one in caplog.records] == ["otlp:main: the receiver says: move to v2"]
    assert counts(db) == (2 * small_batches, 0)


def test_keys_go_in_headers_and_nowhere_else(
    tmp_path: Path, server: Answers, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each from the file, a variable or another file; a receiver that repeats one does not make it known."""
    monkeypatch.setenv("LOGPIPE_TEST_KEY", "c0rrect-horse")
    (tmp_path / "key").write_text("battery-staple\n")
    db = store_of(tmp_path, 3)
    (tmp_path / "ship.toml").write_text(
        f'[otlp.main]\nurl = "{server.url}"\nheaders = {{ X-Scope-OrgID = "shop" }}\n'
        'headers_env = { x-api-key = "LOGPIPE_TEST_KEY" }\n'
        f'headers_file = {{ x-other-key = "{tmp_path / "key"}" }}\n'
    )
    server.say(403, "c0rrect-horse and battery-staple are wrong")
    command = ("ship", "all", "--config", str(tmp_path / "ship.toml"), "--db", str(db))
    failed = call(*command)
    assert failed.returncode == 1
    assert "answered 403: *** and *** are wrong" in failed.stderr
    assert call(*command).returncode == 0
    headers = {name.lower(): value for name, value in server.got[-1].headers.items()}
    assert (headers["x-api-key"], headers["x-other-key"], headers["x-scope-orgid"]) == (
        *("c0rrect-horse", "battery-staple"),
        "shop",
    )
    with Store.open(db) as store:
        kept = str(store.execute("FROM shipping"))
    settings = configuration.settings(Settings, configuration.read(tmp_path / "ship.toml")["otlp"]["main"], "[main]")
    shown = f"{failed} {settings} {kept} {capfd.readouterr()}"
    assert "horse" not in shown
    assert "staple" not in shown


def test_a_new_target_may_leave_out_what_is_old(tmp_path: Path, server: Answers) -> None:
    """By the times of the events, as it begins; later it goes on from where it is."""
    db = store_of(tmp_path, 5)
    with Store.open(db) as store:
        add(store, 100, 4)
        store.execute("UPDATE events SET ts = ? WHERE source_pos >= 1000", [datetime.now(UTC)])
    target = KINDS["otlp"]("main", {"url": server.url, "since": "1h"}, "[otlp.main]")
    assert run([target], str(db), follow=False) == []
    assert len(received(server.got)) == 4


def test_the_command_begins_where_it_is_told(tmp_path: Path, server: Answers) -> None:
    """By --since; it says how much it leaves out."""
    db = tmp_path / "logs.duckdb"
    now = datetime.now(UTC)
    with new_store(db) as store:
        add_many(store, 20, since=now - timedelta(minutes=20), step=timedelta(minutes=1))
    done = call(
        "ship",
        "otlp",
        "--url",
        server.url,
        "--since",
        f"{now - timedelta(minutes=4, seconds=30):%FT%TZ}",
        "--db",
        str(db),
    )
    assert (done.returncode, len(received(server.got))) == (0, 4)
    assert done.stderr.splitlines()[0].startswith("otlp:main: 16 events from before ")


def test_what_is_too_old_is_passed_over_in_few_steps(
    tmp_path: Path, server: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much lies between events that are wanted, of which none is lost, nor what has no time."""
    monkeypatch.setattr(target, "MOST_EVENTS", 5)
    db, now = tmp_path / "logs.duckdb", datetime.now(UTC)
    settled: list[int] = []
    with new_store(db) as store:
        add_many(store, 2, source_id=1, since=now, step=timedelta(0), message="'first' || n")
        for days in range(8, 0, -1):
            add_many(store, 150, source_id=2, since=now - timedelta(days=days), step=timedelta(seconds=1))
        add_many(store, 3, source_id=2, since=now, step=timedelta(0), message="'last' || n")
        for position, ts, message in (
            (4_570, now, "within"),
            (9_120, None, "timeless"),
            (9_130, "infinity", "endless"),
        ):
            where = "WHERE source_id = 2 AND source_pos = ?"
            store.execute(f"UPDATE events SET ts = ?, message = ? {where}", [ts, message, position])
        shipper = Otlp("main", Settings(server.url), now - timedelta(hours=1))
        assert run([shipper], str(db), follow=False, told=lambda _, delivery: settled.append(delivery.accepted)) == []
        assert store.execute("SELECT ledger_id FROM shipping") == [(10,)]
    got = {record.log.body.string_value for record in received(server.got)}
    assert got == {"first0", "first1", "within", "timeless", "endless", "last0", "last1", "last2"}
    assert sum(settled) == 8
    assert len(settled) < 40  # of 240 slices


def test_events_that_retention_removed_are_passed_over(tmp_path: Path, server: Answers) -> None:
    """The cursor goes on behind them."""
    db = store_of(tmp_path, 5)
    with Store.open(db) as store:
        store.execute("DELETE FROM events")
        add(store, 100, 2)
    assert (ship(db, server), len(received(server.got)), counts(db)) == ([], 2, (2, 0))


def test_wrong_settings_are_refused() -> None:
    """With what there is instead."""
    with pytest.raises(SettingError, match=r"compression is 'zstd', not one of gzip, none"):
        KINDS["otlp"]("main", {"url": "http://localhost:4318", "compression": "zstd"}, "[otlp.main]")


def test_each_setting_and_name_is_documented() -> None:
    """In the section of this target."""
    page = (Path(__file__).parents[2] / "docs" / "shipping.md").read_text()
    section = page.partition("\n## OTLP\n")[2].partition("\n## ")[0]
    own = {one.name for one in fields(Settings)} - {one.name for one in fields(Access)}
    assert own
    assert [name for name in (*own, *ATTRIBUTES.values(), *RESOURCE.values()) if f"`{name}`" not in section] == []

"""What Loki gets: payloads that it accepts, once, whatever the events hold and whatever the network does."""

import gzip
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logpipe.errors import ReceiverError
from logpipe.store import Store
from logpipe.store.rollup import roll_up
from logpipe_shippers.loki import Backoff, Pusher, Scope, entries, payloads, push_url, stock
from tests.commands import Done, call
from tests.stores import new_store, passing_store

RECEIVER = Path(__file__).with_name("loki_receiver.py")
QUICK = Backoff(attempts=4, base_s=0.001, max_s=0.002)

Start = Callable[..., str]


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Starts receivers, each a process of its own; all end with the module."""
    running: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> str:
        process = subprocess.Popen([sys.executable, str(RECEIVER), *arguments], stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout is not None
        return f"http://127.0.0.1:{int(process.stdout.readline())}"

    yield begin
    for process in running:
        process.terminate()
        process.communicate()


def state(url: str) -> Any:
    return httpx.get(f"{url}/state").json()


def insert(store: Store, **columns: object) -> None:
    row = {"severity": 0, "source_id": 1, "source_pos": 0, "bytes": 1, "service": "web", "message": "hello"} | columns
    store.execute(f"INSERT INTO events ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Events of the last 36 minutes, one a minute, of two services in turn."""
    path = tmp_path / "logs.duckdb"
    with new_store(path) as store:
        store.execute(
            """
            INSERT INTO events
                (ts, service, environment, stream, level, message, severity, source_id, source_pos, bytes)
            SELECT date_trunc('minute', now()) - (36 - i) * INTERVAL 1 MINUTE, ['web', 'worker'][1 + i % 2],
                'prod', 'app', 'INFO', 'message ' || i, 9, 1, i, 10
            FROM range(36) AS numbers(i)
            """
        )
        with store.transaction() as connection:
            roll_up(connection, "events")
    return path


def run(db: Path, *arguments: str) -> Done:
    return call("export", "loki", "--db", str(db), *arguments)


# Any text but surrogates, which DuckDB cannot hold; long runs of what JSON escapes or UTF-8 widens.
_text = st.one_of(
    st.text(max_size=30),
    st.builds(lambda text, times: text * times, st.text(min_size=1, max_size=3), st.integers(1_000, 150_000)),
    st.sampled_from(["", "\0", "x" * 300_000, "\0" * 300_000, "é\n", "😀" * 70_000]),
)
_json = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_keys = st.text(max_size=12) | st.sampled_from(["level", "service_name", "logpipe_stream", "a.b", "a_b", "1", ""])
_attributes = st.one_of(
    st.none(),
    st.dictionaries(_keys, _json, max_size=6).map(json.dumps),
    st.integers(100, 300).map(lambda count: json.dumps({f"key{i}": "x" * 400 for i in range(count)})),
    st.integers(1, 900).map(lambda depth: '{"deep":' + "[" * depth + "]" * depth + "}"),
    st.sampled_from(["[1, 2]", '"text"', '{"big": 123456789012345678901234567890, "a": 1e400}']),
)
_times = st.one_of(
    st.datetimes(datetime(1960, 1, 1), datetime(2300, 1, 1)).map(lambda time: time.isoformat() + "Z"),  # noqa: DTZ001
    st.sampled_from([None, "infinity", "-infinity", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001Z"]),
)
_rows = st.fixed_dictionaries(
    {
        "ts": _times,
        "service": st.none() | _text,
        "environment": st.none() | _text,
        "stream": st.none() | _text,
        "level": st.sampled_from([None, "INFO", "ERROR"]),
        "message": st.none() | _text,
        "duration_ms": st.none() | st.floats(),
        "db_statement": st.none() | _text,
        "exception_stacktrace": st.none() | _text,
        "attributes": _attributes,
    }
)


@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(_rows, max_size=8), batch_bytes=st.sampled_from([262_144, 1_000_000]))
def test_any_events_become_payloads_that_are_accepted(
    strict: str, memory: Store, rows: list[dict[str, object]], batch_bytes: int
) -> None:
    """Every event with a time arrives, in as few payloads as fit, and not one is refused."""
    httpx.post(f"{strict}/reset").raise_for_status()
    memory.execute("DELETE FROM events")
    for position, row in enumerate(rows):
        insert(memory, **row, source_pos=position)
    there = stock(memory, Scope())
    with Pusher(strict) as pusher:
        for payload in payloads(entries(memory, Scope()), batch_bytes):
            assert len(payload.body) <= batch_bytes
            assert b"\n" not in payload.body
            pusher.push(payload)
    assert pusher.refusals == []
    assert there.events + there.without_time == len(rows)
    got = state(strict)
    assert pusher.pushed_lines == there.events == got["accepted"] == len(got["entries"])


@pytest.fixture(scope="module")
def memory() -> Iterator[Store]:
    with Store.open(":memory:") as store:
        yield store


@pytest.fixture(scope="module")
def strict(start: Start) -> str:
    return start("--any-age")


def test_a_push_arrives_whole_and_a_second_one_changes_nothing(start: Start, db: Path) -> None:
    """What is pushed twice is kept once, since time and line are the same."""
    url = start()
    for _ in range(2):
        done = run(db, "--url", url, "--tenant", "shop")
        assert (done.returncode, done.stdout) == (0, "")
        assert "36 lines taken" in done.stderr
    got = state(url)
    assert {line for _, _, line in got["entries"]} == {f"message {i}" for i in range(36)}
    assert len(got["entries"]) == 36
    assert got["entries"][0][0] == {
        "service_name": "web",
        "deployment_environment_name": "prod",
        "logpipe_stream": "app",
    }
    assert got["metadata"][0] == {"level": "INFO", "source_id": "1", "source_pos": "0"}
    assert got["tenants"] == ["shop", "shop"]


def test_each_line_of_the_file_can_be_posted_as_it_is(start: Start, db: Path, tmp_path: Path) -> None:
    """The file holds payloads, one a line, and the receiver takes each."""
    url = start()
    target = tmp_path / "loki.jsonl"
    done = run(db, "-o", str(target))
    assert done.returncode == 0
    assert "36 lines" in done.stderr
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    for body in target.read_bytes().splitlines():
        assert httpx.post(push_url(url), content=gzip.compress(body), headers=headers).status_code == 204
    assert state(url)["accepted"] == 36
    assert run(db).stdout.encode() == target.read_bytes()


def test_filters_choose_services_and_times(db: Path) -> None:
    """--service, --since and --until narrow the export; spans count back from the newest event."""
    lines = [
        line
        for body in run(db, "--service", "web", "--since", "12m", "--until", "6m").stdout.splitlines()
        for stream in json.loads(body)["streams"]
        for _, line, _ in stream["values"]
    ]
    assert lines == [f"message {i}" for i in (24, 26, 28)]


def test_a_server_in_trouble_is_asked_again(start: Start, db: Path) -> None:
    """429, 5xx and a broken connection are tried again until the payload is taken."""
    url = start("--troubles", "429:0,503,drop")
    assert run(db, "--url", url).returncode == 0
    got = state(url)
    assert got["statuses"] == [429, 503, 0, 204]
    assert got["accepted"] == 36


def _payload(lines: int = 1) -> Any:
    with passing_store() as store:
        for position in range(lines):
            insert(store, ts=datetime.now(UTC) - timedelta(minutes=1), source_pos=position)
        [payload] = payloads(entries(store, Scope()))
    return payload


def test_the_server_says_how_long_to_wait(start: Start) -> None:
    """Retry-After is honoured in both its forms, up to the longest wait."""
    url = start("--troubles", "429:2,503:Thu, 01 Jan 1970 00:00:00 GMT,429:86400".replace(", ", " "))
    waits: list[float] = []
    with Pusher(url, backoff=Backoff(attempts=4, base_s=0.001, max_s=30), sleep=waits.append) as pusher:
        assert pusher.push(_payload())
    assert waits == [2, 0, 30]


def test_attempts_are_bounded_and_the_error_says_how_to_go_on(start: Start) -> None:
    """A server that stays in trouble ends the export; the error has its reason and the time to go on from."""
    url = start("--troubles", ",".join(["429"] * 9))
    with Pusher(url, backoff=QUICK) as pusher, pytest.raises(ReceiverError) as caught:
        pusher.push(_payload())
    assert "answered 429: not now, in each of 4 attempts" in str(caught.value)
    assert "--since 20" in str(caught.value)
    assert caught.value.reason == "receiver_unavailable"
    assert state(url)["statuses"] == [429] * 4


def test_what_loki_refuses_is_counted_and_not_sent_again(start: Start, tmp_path: Path) -> None:
    """A 400 is passed over with Loki's reason; the good lines of the payload are kept; the command fails."""
    db = tmp_path / "logs.duckdb"
    now = datetime.now(UTC)
    with Store.open(db) as store:
        insert(store, ts=now - timedelta(days=30), message="too old")
        insert(store, ts=now, message="fresh", source_pos=1)
    url = start()
    done = run(db, "--url", url)
    assert done.returncode == 1
    assert "timestamp too old" in done.stderr
    assert "2 lines were in refused payloads" in done.stderr
    got = state(url)
    assert got["statuses"] == [400]
    assert [line for _, _, line in got["entries"]] == ["fresh"]


def test_a_payload_too_large_for_the_server_is_passed_over(start: Start) -> None:
    """A 413 is recorded under its status, and the next payload is sent."""
    url = start("--max-request-bytes", "100")
    with Pusher(url) as pusher:
        assert not pusher.push(_payload(3))
        assert not pusher.push(_payload(2))
    assert [(refusal.status, refusal.payloads, refusal.lines) for refusal in pusher.refusals] == [(413, 2, 5)]


def test_a_wrong_address_ends_the_export_at_once(start: Start) -> None:
    """A 404 would meet every payload, so it is not tried again."""
    with Pusher(start() + "/elsewhere", backoff=QUICK) as pusher, pytest.raises(ReceiverError, match="answered 404"):
        pusher.push(_payload())


def test_a_dead_receiver_is_one_clear_sentence() -> None:
    """Nobody listens: the error names the address, without its password."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://me:secret@127.0.0.1:{taken.getsockname()[1]}"
        with Pusher(url, backoff=QUICK) as pusher, pytest.raises(ReceiverError) as caught:
            pusher.push(_payload())
    assert "127.0.0.1" in str(caught.value)
    assert "cannot be reached" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["localhost:3100", "ftp://host/", "http://", ""])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """An address without scheme or host is an error before anything is read."""
    with pytest.raises(ReceiverError, match="not the address of a server"):
        Pusher(url)


def test_the_path_of_the_push_api_is_added() -> None:
    """A bare address and one behind a prefix get Loki's path; a full one is kept."""
    assert push_url("http://loki:3100").path == "/loki/api/v1/push"
    assert push_url("https://host/logs/").path == "/logs/loki/api/v1/push"
    assert push_url("https://host/insert/loki/api/v1/push").path == "/insert/loki/api/v1/push"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--since", "yesterday"],
        ["--since", "1h", "--until", "2h"],
        ["-o", "x", "--url", "http://localhost:1"],
        ["--batch-bytes", "10"],
    ],
)
def test_wrong_usage_exits_with_two(db: Path, arguments: list[str]) -> None:
    """Options that make no sense are usage errors, before anything is written."""
    done = run(db, *arguments)
    assert (done.returncode, done.stdout) == (2, "")


def test_events_without_a_time_are_not_lost_in_silence(tmp_path: Path) -> None:
    """Loki cannot hold a line without a time, so the command says how many there are."""
    db = tmp_path / "logs.duckdb"
    with Store.open(db) as store:
        insert(store, ts=None)
    done = run(db)
    assert (done.returncode, done.stdout) == (0, "")
    assert "1 events have no time" in done.stderr

"""The server for scrapers: its formats, its answers while the store is out of reach, and many scrapers at once."""

import gzip
import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics

from logpipe.errors import SettingError, StoreError
from logpipe.store import Store, database
from logpipe_shippers.prometheus import collector
from logpipe_shippers.prometheus.scrapes import Scrapes
from logpipe_shippers.prometheus.server import address, serving
from tests.shippers.test_prometheus import add, key, read
from tests.store.owners import process, until
from tests.stores import new_store

HOSTILE = 'quote " backslash \\ newline \n nul \0 é'


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "logs.duckdb"
    with new_store(path) as store:
        add(store, [{"level": "INFO", "event": HOSTILE, "duration_ms": 3.0, "trace_id": "4bf92f", "span_id": "00f0"}])
    return path


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def get(url: str, method: str = "GET", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=named, method=method), timeout=120) as answer:
            return Answer(answer.status, dict(answer.headers), answer.read())
    except urllib.error.HTTPError as answer:
        with answer:
            return Answer(answer.code, dict(answer.headers), answer.read())


@contextmanager
def server(db: Path, kept_s: float = 0.0) -> Iterator[str]:
    with serving(Scrapes(str(db), kept_s=kept_s), "127.0.0.1", 0) as url:
        yield url


def test_the_format_is_what_the_scraper_accepts(db: Path) -> None:
    """Text 0.0.4, or OpenMetrics with its end mark; both hold the same samples."""
    with server(db, kept_s=60) as url:
        text = get(f"{url}/metrics")
        metrics = get(f"{url}/metrics", Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert text.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert metrics.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert metrics.body.endswith(b"# EOF\n")
    samples = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in openmetrics(metrics.body.decode())  # type: ignore[no-untyped-call]
        for sample in family.samples
    }
    assert samples == read(text.body)


def test_json_holds_the_same_samples_with_their_exemplars(db: Path) -> None:
    """For programs without a parser."""
    with server(db, kept_s=60) as url:
        answer, text = get(f"{url}/metrics/json"), get(f"{url}/metrics")
    assert answer.headers["Content-Type"] == "application/json"
    samples = [sample for family in json.loads(answer.body)["families"] for sample in family["samples"]]
    assert {(one["name"], frozenset(one["labels"].items())): one["value"] for one in samples} == read(text.body)
    [exemplar] = [one["exemplar"] for one in samples if "exemplar" in one]
    assert exemplar["labels"] == {"trace_id": "4bf92f", "span_id": "00f0"}
    assert exemplar["value"] == 0.003


def test_it_is_compressed_for_who_takes_that(db: Path) -> None:
    """With gzip."""
    with server(db, kept_s=60) as url:
        plain, packed = get(f"{url}/metrics"), get(f"{url}/metrics", Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body


def test_other_pages_and_methods_are_refused(db: Path) -> None:
    """With what there is."""
    with server(db) as url:
        assert get(f"{url}/").status == 404
        posted = get(f"{url}/metrics", method="POST")
    assert (posted.status, posted.headers["Allow"]) == (405, "GET")


def test_each_scrape_reads_the_store_anew(db: Path) -> None:
    """Also right after the server was started again: nothing is kept beside the store."""
    of_web = key("logpipe_events_total", service="web", stream="unknown", level="INFO")
    for expected in (1, 2, 3):
        with server(db) as url:
            assert read(get(f"{url}/metrics").body)[of_web] == expected
            with Store.open(db) as store:  # nobody has it between two scrapes
                add(store, [{"level": "INFO"}])
            assert read(get(f"{url}/metrics").body)[of_web] == expected + 1


def test_those_that_come_together_are_served_by_one_reading(db: Path) -> None:
    """All get an answer, and all the same."""
    with server(db, kept_s=60) as url, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: get(f"{url}/metrics"), range(16)))
        with Store.open(db) as store:
            add(store, [{"level": "INFO"}])
        later = get(f"{url}/metrics")
    assert {(answer.status, answer.body) for answer in [*answers, later]} == {(200, answers[0].body)}


def test_scrapes_at_once_without_a_kept_reading_are_right_too(db: Path) -> None:
    """One after the other."""
    with server(db) as url, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: get(f"{url}/metrics"), range(8)))
    assert {answer.body for answer in answers} == {answers[0].body}
    assert answers[0].status == 200


def test_a_missing_store_is_one_sentence(tmp_path: Path) -> None:
    """With 503, which Prometheus shows as a target that is down; and not made by being asked for."""
    db = tmp_path / "none.duckdb"
    with server(db) as url:
        metrics, health, shown = (get(f"{url}{page}") for page in ("/metrics", "/health", "/metrics/json"))
        assert (metrics.status, health.status, shown.status) == (503, 503, 503)
        assert read(metrics.body) == {key("logpipe_up"): 0}
        said, *_ = metrics.body.decode().splitlines()
        assert said == f"# there is no database at {db}; make it with: logpipe ingest PATH --db {db}"
        assert json.loads(health.body)["reason"] == json.loads(shown.body)["reason"] == "store_missing"
        assert not db.exists()
        new_store(db).close()
        assert get(f"{url}/health").status == 200
        assert read(get(f"{url}/metrics").body)[key("logpipe_up")] == 1


def test_a_store_that_another_has_is_one_sentence(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is read again once it is free."""
    monkeypatch.setattr(database, "WAIT_S", 0.1)
    holding = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('has it', flush=True); input()"
    with server(db) as url:
        with process([sys.executable, "-c", holding, str(db)]) as other:
            assert other.stdout is not None
            other.stdout.readline()
            answer, health = get(f"{url}/metrics"), get(f"{url}/health")
        free = get(f"{url}/metrics")
    assert (answer.status, health.status, free.status) == (503, 503, 200)
    assert "in use" in answer.body.decode().splitlines()[0]
    assert read(answer.body) == {key("logpipe_up"): 0}


def test_a_scrape_ends_when_its_time_is_up(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement that would run for days is given up; the next scrape has its own time."""
    scrapes = Scrapes(str(db), kept_s=0.0)
    endless = "SELECT count(*) FROM range(100_000_000) AS a (i), range(100_000_000) AS b (j) WHERE i + j < 0"
    with monkeypatch.context() as patch:
        patch.setattr(collector, "statement", lambda _: endless)
        with pytest.raises(StoreError, match=r"could not be read within 0\.2 s"):
            scrapes.metrics(timeout_s=0.2)

    def is_read() -> bool:
        with suppress(StoreError):
            return bool(scrapes.metrics())
        return False

    until(is_read)


def test_the_scraper_says_how_long_it_waits(db: Path) -> None:
    """In the header that Prometheus sends; what is no number counts for nothing."""
    with server(db) as url:
        hurried = get(f"{url}/metrics", X_Prometheus_Scrape_Timeout_Seconds="0.000001")
        assert hurried.status == 503
        assert "within 5e-07 s" in hurried.body.decode()
    with server(db) as url:
        odd = get(f"{url}/metrics", X_Prometheus_Scrape_Timeout_Seconds="soon")
    assert odd.status == 200


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("0.0.0.0:9464", ("0.0.0.0", 9464)),
        ("localhost:1", ("localhost", 1)),
        ("[::1]:9464", ("::1", 9464)),
        (":9464", ("127.0.0.1", 9464)),
        ("9464", ("127.0.0.1", 9464)),
    ],
)
def test_without_a_host_only_the_loopback_listens(text: str, meant: tuple[str, int]) -> None:
    """Who wants to be seen by others says so."""
    assert address(text) == meant


@pytest.mark.parametrize("text", ["", "localhost", "host:port", "::1:9464", "host:70000", "host:²"])
def test_what_is_no_address_is_refused(text: str) -> None:
    """With how one looks."""
    with pytest.raises(SettingError, match=r"is no address to listen at; give one as 127\.0\.0\.1:9464"):
        address(text)


def test_an_address_that_is_taken_is_one_sentence(db: Path) -> None:
    """With what to do about it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [sys.executable, "-m", "logpipe", "ship", "prometheus", "--db", str(db)]
        done = subprocess.run(
            [*command, "--listen", f"127.0.0.1:{taken.getsockname()[1]}"], capture_output=True, text=True
        )
    assert done.returncode == 1
    assert done.stderr.startswith("error: cannot listen at 127.0.0.1:")
    assert "--listen" in done.stderr

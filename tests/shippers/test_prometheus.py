"""The exposition: exact, bounded, and taken by promtool and by a real Prometheus."""

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.error import URLError

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from logpipe.errors import LogpipeError
from logpipe.store import Store
from logpipe.store.rollup import roll_up
from logpipe_shippers.prometheus import Limits, exposition
from logpipe_shippers.prometheus.textfile import rewrite
from tests.commands import call
from tests.deploy.servers import reserved_port
from tests.stores import new_store, passing_store

LOGPIPE = Path(sys.executable).with_name("logpipe")
DEADLINE_S = 120

Labels = frozenset[tuple[str, str]]
Series = dict[tuple[str, Labels], float]


@pytest.fixture
def store() -> Iterator[Store]:
    with passing_store() as store:
        yield store


def add(store: Store, rows: list[dict[str, object]]) -> None:
    """Events as an ingest adds them: with their roll-up, in one transaction."""
    with store.transaction() as connection:
        connection.execute("CREATE OR REPLACE TEMP TABLE batch AS FROM events LIMIT 0")
        for row in rows:
            full = {"ts": "2026-01-01T00:00:30Z", "service": "web", "severity": 0} | row
            full |= {"source_id": 1, "source_pos": 0, "bytes": 10}
            connection.execute(
                f"INSERT INTO batch ({', '.join(full)}) VALUES ({', '.join('?' * len(full))})", list(full.values())
            )
        connection.execute("INSERT INTO events FROM batch")
        roll_up(connection, "batch")


def read(text: bytes) -> Series:
    """All samples by name and labels, through the client's own parser; each stands once."""
    samples = [
        ((sample.name, frozenset(sample.labels.items())), sample.value)
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    ]
    assert len(dict(samples)) == len(samples)
    return dict(samples)


def key(name: str, **labels: str) -> tuple[str, Labels]:
    return name, frozenset(labels.items())


def named(series: Series, name: str) -> dict[Labels, float]:
    return {labels: value for (found, labels), value in series.items() if found == name}


@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.one_of(
            st.integers(0, 200_000_000).map(lambda microseconds: microseconds / 1000),
            st.sampled_from([0.0, 0.5, *(2.0**octave for octave in range(19))]),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_buckets_hold_exactly_the_durations_up_to_their_bound(durations_ms: list[float]) -> None:
    """Cumulative counts are counts of the events themselves, bounds included, and the sum is their sum."""
    with passing_store() as store:
        add(store, [{"event": "job", "duration_ms": duration} for duration in durations_ms])
        series = read(exposition(store))
    buckets = named(series, "logpipe_event_duration_seconds_bucket")
    assert len(buckets) == 18
    for labels, count in buckets.items():
        bound = float(dict(labels)["le"])
        assert count == sum(duration / 1000 <= bound for duration in durations_ms)
    of_job = {"service": "web", "operation": "job"}
    assert series[key("logpipe_event_duration_seconds_count", **of_job)] == len(durations_ms)
    assert series[key("logpipe_event_duration_seconds_sum", **of_job)] == pytest.approx(sum(durations_ms) / 1000)


def test_requests_have_a_method_and_a_route(store: Store) -> None:
    """Requests and server errors are counted by bounded route, durations with them; queries by their fingerprint."""
    request = {"http_method": "GET", "http_route": "/orders/{id}", "stream": "access"}
    add(
        store,
        [
            request | {"http_status": 200, "duration_ms": 12.0},
            request | {"http_status": 503},
            {"http_status": 500},
            {"db_statement": "SELECT * FROM orders WHERE id = 7", "duration_ms": 3.0},
        ],
    )
    series = read(exposition(store))
    of_orders = {"service": "web", "method": "GET", "route": "/orders/{id}"}
    assert series[key("logpipe_http_requests_total", **of_orders)] == 2
    assert series[key("logpipe_http_server_errors_total", **of_orders)] == 1
    assert series[key("logpipe_http_server_errors_total", service="web", method="", route="*")] == 1
    assert series[key("logpipe_http_request_duration_seconds_count", **of_orders)] == 1
    of_query = {"service": "web", "operation": "select * from orders where id = ?"}
    assert series[key("logpipe_db_query_duration_seconds_sum", **of_query)] == pytest.approx(0.003)


def test_requests_are_counted_by_status(store: Store) -> None:
    """Of a service all of its requests. A line without a status is none, though it names the route it belongs to."""
    statuses = (200, 200, 404, 503, 600, 65535, 99, None)
    add(store, [{"http_route": f"/{n}", "http_status": status} for n, status in enumerate(statuses)])
    add(store, [{"event": "job"}, {"db_statement": "SELECT 1", "http_status": 200}])
    series = read(exposition(store))
    by_status = named(series, "logpipe_http_responses_total")
    assert {dict(labels)["status"]: count for labels, count in by_status.items()} == {
        "200": 2,
        "404": 1,
        "503": 1,
    }
    assert sum(named(series, "logpipe_http_requests_total").values()) == sum(by_status.values())
    assert sum(named(series, "logpipe_http_server_errors_total").values()) == 1


def test_business_events_have_a_name(store: Store) -> None:
    """Those of the stream alone, as many by name as other operations."""
    add(store, [{"stream": "business", "event": f"e{i % 3}", "level": "INFO"} for i in range(9)])
    add(store, [{"stream": "app", "event": "e0"}, {"stream": "business", "event": "e0", "http_route": "/"}])
    events = named(read(exposition(store, Limits(operations=2))), "logpipe_business_events_total")
    assert {dict(labels)["event"]: count for labels, count in events.items()} == {"e0": 3, "e1": 3, "other": 3}


@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.text(min_size=1, max_size=8) | st.text(min_size=1).map(lambda text: text * 99), max_size=6, unique=True)
)
def test_hostile_names_stay_one_sample_a_line(names: list[str]) -> None:
    """Whatever services, routes and levels are called, each event is counted and every sample can be read back."""
    with passing_store() as store:
        rows = [{"service": n, "http_route": n, "http_method": n, "level": n, "stream": n} for n in names]
        add(store, [row | {"http_status": 200} for row in rows])
        text = exposition(store)
    series = read(text)
    assert b"\0" not in text
    assert sum(named(series, "logpipe_events_total").values()) == len(names)
    assert sum(named(series, "logpipe_http_requests_total").values()) == len(names)
    assert all(len(value) <= 200 for _, labels in series for _, value in labels)


def test_long_names_that_differ_at_the_end_stay_apart(store: Store) -> None:
    """A cut name carries a hash of the whole."""
    add(store, [{"event": "x" * 300 + end, "duration_ms": 1.0} for end in "ab"])
    assert len(named(read(exposition(store)), "logpipe_event_duration_seconds_count")) == 2


def test_what_is_past_a_limit_is_counted_as_other(store: Store) -> None:
    """The number of series is bounded, nothing goes uncounted, and what was folded is told."""
    add(store, [{"service": f"s{i}", "event": f"e{i}{j}", "duration_ms": 1.0} for i in range(5) for j in range(5)])
    series = read(exposition(store, Limits(operations=2, services=3)))
    counts = named(series, "logpipe_event_duration_seconds_count")
    assert len(counts) == 3 * 3 + 1
    assert sum(counts.values()) == 25
    assert series[key("logpipe_events_total", service="other", stream="unknown", level="unknown")] == 10
    assert sum(named(series, "logpipe_export_operations_folded").values()) == 3 * 3 + 2 * 5
    assert series[key("logpipe_export_operations_limit")] == 2


def test_counters_never_fall_when_new_operations_overtake_old_ones(store: Store) -> None:
    """Names keep their place as more arrive: a falling counter would read as a restart, and as a burst of events."""
    limits = Limits(operations=2, services=2)
    add(store, [{"event": f"e{i}", "duration_ms": 1.0} for i in range(4)])
    before = read(exposition(store, limits))
    services = ("web", "s0", "s1", "zz")
    add(store, [{"event": f"e{i % 9}", "service": services[i % 4], "duration_ms": 1.0} for i in range(90)])
    after = read(exposition(store, limits))
    counters = {series for series in before if series[0].endswith(("_total", "_count", "_bucket", "_sum"))}
    assert counters
    assert all(after[series] >= before[series] for series in counters)


def test_only_open_findings_are_counted(store: Store) -> None:
    """The gauge is what is wrong now; what somebody is at is told apart, so that no alert of open ones goes on."""
    for finding_id, status, number in (("f", "open", 2), ("g", "resolved", 3), ("h", "open", 1)):
        store.execute(
            """
            INSERT INTO findings BY NAME
            SELECT ? AS finding_id, 'p' AS fingerprint, 'error_spike' AS kind, 'critical' AS severity,
                'web' AS service,
                now() AS started_at, 1 AS score, 1 AS confidence, 't' AS title, 'e' AS explanation, '[]' AS evidence,
                'SELECT 1' AS sql, 60 AS bucket_s, ? AS status, now() AS detected_at, now() AS updated_at
            FROM range(?)
            """,
            [finding_id, status, number],
        )
    for finding_id in ("g", "h"):
        store.execute("INSERT INTO finding_marks VALUES (?, 'p', 'acknowledge', 'Ada', NULL, now())", [finding_id])
    add(store, [{}])
    series = read(exposition(store))
    labels = {"kind": "error_spike", "severity": "critical", "service": "web"}
    assert named(series, "logpipe_findings") == {
        frozenset({**labels, "status": "open"}.items()): 2,
        frozenset({**labels, "status": "acknowledged"}.items()): 1,
    }


def test_the_pipeline_tells_its_health(store: Store) -> None:
    """What was read, what became of it, what is missing, and how fresh it is."""
    store.execute(
        """
        INSERT INTO ledger BY NAME
        SELECT i AS ledger_id, 1 AS source_id, i * 100 AS from_pos, i * 100 + 100 AS to_pos, 10 AS lines, 6 AS events,
            2 AS joined, 1 AS blanks, 0 AS divided, 1 AS rejects, 0 AS hash_from, ''::BLOB AS range_hash,
            ''::BLOB AS tail_hash, TIMESTAMPTZ '2026-01-02 00:00:00Z' AS committed_at
        FROM range(3) AS numbers(i)
        """
    )
    store.execute("INSERT INTO rejects SELECT 1, i, 9, 'too_long', NULL, ''::BLOB, now() FROM range(3) AS numbers(i)")
    store.execute("INSERT INTO gaps VALUES (1, 10, 25, 'truncated', now()), (1, 30, NULL, 'vanished', now())")
    add(store, [{"ts": "2026-01-01T12:34:56Z"}])
    series = read(exposition(store))
    lines = {dict(labels)["class"]: value for labels, value in named(series, "logpipe_lines_total").items()}
    assert lines == {"event": 18, "joined": 6, "blank": 3, "reject": 3}
    assert series[key("logpipe_read_bytes_total")] == 300
    assert series[key("logpipe_rejects", reason="too_long")] == 3
    assert series[key("logpipe_gaps_total")] == 2
    assert series[key("logpipe_gap_bytes_total")] == 15
    assert series[key("logpipe_sources", state="active")] == 0
    assert series[key("logpipe_last_ingest_timestamp_seconds")] == datetime(2026, 1, 2, tzinfo=UTC).timestamp()
    minute = datetime(2026, 1, 1, 12, 34, tzinfo=UTC).timestamp()
    assert series[key("logpipe_last_event_timestamp_seconds", service="web")] == minute


def test_an_empty_store_has_metrics(store: Store) -> None:
    """Nothing ingested yet is a valid state: zeros, and no timestamps that were never true."""
    series = read(exposition(store))
    assert series[key("logpipe_read_bytes_total")] == 0
    assert not named(series, "logpipe_last_ingest_timestamp_seconds")


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A store as a file, exported by the command."""
    db = tmp_path / "logs.duckdb"
    with new_store(db) as store:
        hostile = 'quote " backslash \\ newline \n nul \0 é'
        add(
            store,
            [
                {"level": "INFO", "stream": "app", "event": hostile, "duration_ms": 3.0},
                {"level": "ERROR", "stream": "error", "service": hostile},
                {"http_method": "GET", "http_route": "/", "http_status": 500, "duration_ms": 70_000.0},
                {"db_statement": "SELECT 1", "duration_ms": 0.0},
            ],
        )
    (tmp_path / "collected").mkdir()
    target = tmp_path / "collected" / "logpipe.prom"
    done = call("ship", "prometheus", "--db", str(db), "-o", str(target))
    assert (done.returncode, done.stdout) == (0, "")
    assert "samples" in done.stderr
    return target


def test_the_command_writes_the_file_whole_and_readable_by_all(exported: Path) -> None:
    """The textfile collector runs as another user and must never see half a file."""
    assert exported.stat().st_mode & 0o777 == 0o644
    assert os.listdir(exported.parent) == ["logpipe.prom"]
    assert key("logpipe_store_size_bytes") in read(exported.read_bytes())


def test_without_a_file_it_writes_to_standard_output(exported: Path) -> None:
    """The same text, for a pipe."""
    db = exported.parent.parent / "logs.duckdb"
    done = subprocess.run([LOGPIPE, "ship", "prometheus", "--db", db, "-o", "-"], capture_output=True)
    assert done.stdout == exported.read_bytes()


def test_a_missing_database_is_one_sentence(tmp_path: Path) -> None:
    """Nothing is created, and the remedy is named."""
    db = tmp_path / "none.duckdb"
    done = call("ship", "prometheus", "--db", str(db), "-o", "-")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: there is no database at")
    assert not db.exists()


def tool(name: str) -> str:
    found = shutil.which(name)
    if found:
        return found
    message = f"{name} is missing: apt-get install prometheus"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@pytest.mark.real
def test_promtool_accepts_the_exposition(exported: Path) -> None:
    """Neither a parse error nor a lint of Prometheus' own checker."""
    with exported.open("rb") as text:
        checked = subprocess.run([tool("promtool"), "check", "metrics"], stdin=text, capture_output=True, text=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.real
def test_prometheus_scrapes_the_exposition(exported: Path, tmp_path: Path) -> None:
    """A real server takes every sample and answers a query for a percentile from the histogram."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(exported.parent)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with reserved_port() as port:
        api = f"127.0.0.1:{port}"
        (tmp_path / "prometheus.yml").write_text(
            f"""
scrape_configs:
  - job_name: logpipe
    scrape_interval: 1s
    scrape_timeout: 1s
    metrics_path: /{exported.name}
    static_configs: [{{targets: ["127.0.0.1:{server.server_port}"]}}]
"""
        )
        arguments = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address={api}"]
        with (tmp_path / "prometheus.log").open("wb") as log:
            prometheus = subprocess.Popen([tool("prometheus"), *arguments], cwd=tmp_path, stdout=log, stderr=log)
        try:
            events = _query(api, "sum(logpipe_events_total)")
            slowest = _query(api, "max(histogram_quantile(0.5, logpipe_http_request_duration_seconds_bucket))")
            samples = _query(api, "scrape_samples_scraped > 0")  # as it is after a scrape that came in time
        finally:
            prometheus.terminate()
            prometheus.wait()
            server.shutdown()
            server.server_close()
    assert events == 4
    assert slowest == 65.536
    assert samples == len(read(exported.read_bytes()))


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; text of a `.prom` file as Prometheus wants it."""

    extensions_map = {".prom": "text/plain; version=0.0.4"}  # noqa: RUF012 - as the class it extends has it

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name it overrides
        """Stay quiet."""


def _query(api: str, expression: str) -> float:
    """The one value of a query, once there is one."""
    url = f"http://{api}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                result = json.load(answer)["data"]["result"]
        except (URLError, ConnectionError, TimeoutError):
            result = []
        if result:
            return float(result[0]["value"][1])
        time.sleep(0.1)
    pytest.fail(f"no answer to {expression} within {DEADLINE_S} s")


def test_a_file_that_cannot_be_written_is_tried_again(shop: Path) -> None:
    """A disk may be full for a while; a folder that is none is an error at once."""
    stop = threading.Event()
    tries = 0

    def write(_: bytes) -> None:
        nonlocal tries
        tries += 1
        if tries == 2:
            raise LogpipeError("no space left on device")
        if tries == 3:
            stop.set()

    rewrite(str(shop), write, Limits(), (), interval_s=0.01, stop=stop)
    assert tries == 3
    tries = 1
    with pytest.raises(LogpipeError, match="no space"):
        rewrite(str(shop), write, Limits(), (), interval_s=0.01, stop=threading.Event())

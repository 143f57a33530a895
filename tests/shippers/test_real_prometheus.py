"""The real Prometheus, promtool and Pushgateway, and the commands that they are fed by."""

import json
import re
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from logpipe.store import Store
from logpipe_shippers.delivery import record
from logpipe_shippers.delivery.shipper import Delivery
from logpipe_shippers.prometheus import exposition
from logpipe_shippers.prometheus.objectives import Objective
from tests.commands import call
from tests.deploy.debian import program
from tests.deploy.servers import reserved_port
from tests.shippers.test_prometheus import add, key, read
from tests.store.owners import LOGPIPE, following, process
from tests.stores import new_store

DEADLINE_S = 120
HOSTILE = 'quote " backslash \\ newline \n nul \0 é'

# What Pushgateway knows of the password, made with: htpasswd -nbB -C 4 shop battery-staple
BCRYPT = "$2b$04$abcdefghijklmnopqrstuuWDWzeoIYoKHaOtPwucCs2H/ubg5RJne"
PASSWORD = "battery-staple"

pytestmark = pytest.mark.real


def answered(ask: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
    """What is answered once it is as wanted; a server that starts is asked again."""
    deadline = time.monotonic() + DEADLINE_S
    answer = None
    while time.monotonic() < deadline:
        try:
            answer = ask()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            answer = None
        if answer is not None and wanted(answer):
            return answer
        time.sleep(0.1)
    pytest.fail(f"still {answer!r} after {DEADLINE_S} s")


@contextmanager
def prometheus(folder: Path, target: str, *arguments: str) -> Iterator[Callable[..., Any]]:
    """A server that scrapes one target; gives a function that asks its API."""
    (folder / "prometheus.yml").write_text(
        f"""
scrape_configs:
  - job_name: logpipe
    scrape_interval: 3s
    scrape_timeout: 3s
    static_configs: [{{targets: ["{target}"]}}]
"""
    )

    command = [program("prometheus", "prometheus"), "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    with reserved_port() as port, (folder / "prometheus.log").open("wb") as log:
        api = f"127.0.0.1:{port}"

        def ask(path: str, **parameters: object) -> Any:
            url = f"http://{api}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]

        server = subprocess.Popen(
            [*command, f"--web.listen-address={api}", *arguments], cwd=folder, stdout=log, stderr=log
        )
        try:
            yield ask
        finally:
            server.terminate()
            server.wait()


def value(ask: Callable[..., Any], expression: str, wanted: float) -> None:
    """Wait until an expression has a value."""
    answered(
        lambda: [float(one["value"][1]) for one in ask("query", query=expression)["result"]],
        lambda found: found == [wanted],
    )


def line(number: int) -> bytes:
    event = {
        "timestamp": datetime.now(UTC).isoformat(),
        "level": "INFO",
        "service": HOSTILE,
        "message": "done",
        "http_method": "GET",
        "http_route": f"/orders/{HOSTILE}",
        "http_status": 500 if number % 2 else 200,
        "duration_ms": 5.0,
        "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}",
    }
    return json.dumps(event).encode() + b"\n"


@contextmanager
def shipping(db: Path, folder: Path) -> Iterator[str]:
    """`logpipe ship prometheus`, as long as the block runs; gives HOST:PORT. It ends, and well, by SIGTERM."""
    (folder / "slo.toml").write_text(
        f'[[objective]]\nname = "up"\nservice = {json.dumps(HOSTILE)}\navailability = 0.75\n'
    )
    command = [str(LOGPIPE), "ship", "prometheus", "--listen", "127.0.0.1:0", "--db", str(db)]
    with process([*command, "--objectives", str(folder / "slo.toml")]) as server:
        assert server.stderr is not None
        said = server.stderr.readline()
        found = re.search(r"http://(\S+)/metrics", said)
        assert found is not None, said
        yield found[1]
        server.send_signal(signal.SIGTERM)
        assert server.wait(DEADLINE_S) == 0


def test_prometheus_scrapes_the_server_beside_an_ingest(tmp_path: Path) -> None:
    """By OpenMetrics, whatever names are called: what comes in is counted, traces are found, budgets burn."""
    db, logs = tmp_path / "logs.duckdb", tmp_path / "logs"
    logs.mkdir()
    (logs / "app.jsonl").write_bytes(b"".join(map(line, range(10))))
    with (
        following(db, logs) as owner,
        shipping(db, tmp_path) as target,
        prometheus(tmp_path, target, "--enable-feature=exemplar-storage") as ask,
    ):
        value(ask, "sum(logpipe_http_requests_total)", 10)
        value(ask, "min(up)", 1)
        with (logs / "app.jsonl").open("ab") as file:
            file.write(b"".join(map(line, range(10, 30))))
        value(ask, "sum(logpipe_http_requests_total)", 30)
        value(ask, "sum(logpipe_http_server_errors_total)", 15)
        value(ask, 'logpipe_slo_burn_rate{objective="up", window="5m"}', 2)
        moment = datetime.now(UTC).timestamp()
        found = answered(
            lambda: ask(
                "query_exemplars",
                query="logpipe_http_request_duration_seconds_bucket",
                start=moment - 600,
                end=moment + 60,
            ),
            lambda found: any(one["labels"]["trace_id"] == f"{29:032x}" for of in found for one in of["exemplars"]),
        )
        assert owner.poll() is None
    assert {of["seriesLabels"]["le"] for of in found} == {"0.008"}
    assert {one["value"] for of in found for one in of["exemplars"]} == {"0.005"}


def test_promtool_accepts_objectives_and_targets(tmp_path: Path) -> None:
    """Neither a parse error nor a lint."""
    with new_store(tmp_path / "logs.duckdb") as store:
        add(store, [{"ts": datetime.now(UTC).isoformat(), "http_status": 500, "service": HOSTILE}])
        record.settled(store, f"loki:{HOSTILE}", Delivery(1))
        record.failing(store, "loki:main", "down")
        objectives = [
            Objective(HOSTILE, "up", availability=0.99),
            Objective(HOSTILE, "fast", latency_ms=300, share=0.9),
        ]
        text = exposition(store, objectives=objectives)
    command = [program("promtool", "prometheus"), "check", "metrics"]
    checked = subprocess.run(command, input=text, capture_output=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


@pytest.fixture
def pushgateway(tmp_path: Path) -> Iterator[str]:
    """A real one, by TLS and for those who know its password alone; gives its address."""
    found = program("prometheus-pushgateway", "prometheus-pushgateway")
    authority = trustme.CA()
    own = authority.issue_cert("localhost", "127.0.0.1")
    own.private_key_pem.write_to_path(tmp_path / "key.pem")
    own.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    (tmp_path / "web.yml").write_text(
        f"tls_server_config: {{cert_file: cert.pem, key_file: key.pem}}\nbasic_auth_users: {{shop: {BCRYPT}}}\n"
    )
    with reserved_port() as port, (tmp_path / "pushgateway.log").open("wb") as log:
        command = [found, f"--web.listen-address=127.0.0.1:{port}", "--web.config.file=web.yml"]
        server = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
        try:
            answered(lambda: pushed(f"https://localhost:{port}", tmp_path), lambda _: True)
            yield f"https://localhost:{port}"
        finally:
            server.terminate()
            server.wait()


def pushed(url: str, folder: Path) -> bytes:
    """What the gateway shows to Prometheus."""
    credentials = b64encode(f"shop:{PASSWORD}".encode()).decode()
    request = urllib.request.Request(f"{url}/metrics", headers={"Authorization": f"Basic {credentials}"})
    trusting = ssl.create_default_context(cafile=folder / "ca.pem")
    with urllib.request.urlopen(request, timeout=30, context=trusting) as answer:
        return bytes(answer.read())


def test_a_real_pushgateway_takes_what_is_pushed(tmp_path: Path, pushgateway: str) -> None:
    """All of it, in place of the last push; whom it does not know, or who does not know it, is told so."""
    db = tmp_path / "logs.duckdb"
    with new_store(db) as store:
        add(store, [{"level": "INFO", "event": HOSTILE, "duration_ms": 3.0}])
    words = ["ship", "prometheus", "--db", str(db), "--pushgateway", pushgateway, "--job", "shop/é", "--user", "shop"]
    trusting = [*words, "--password-file", str(tmp_path / "password"), "--ca-file", str(tmp_path / "ca.pem")]
    done = call(*trusting)
    assert done.returncode == 0, done.stderr
    events = {"service": "web", "stream": "unknown", "level": "INFO", "job": "shop/é", "instance": ""}
    assert read(pushed(pushgateway, tmp_path))[key("logpipe_events_total", **events)] == 1
    with Store.open(db) as store:
        store.execute("DELETE FROM latency_histogram")
    assert call(*trusting).returncode == 0
    assert b"logpipe_event_duration_seconds_count" not in pushed(pushgateway, tmp_path)
    (tmp_path / "wrong").write_text("wrong\n")
    stranger = call(*words, "--password-file", str(tmp_path / "wrong"), "--ca-file", str(tmp_path / "ca.pem"))
    careful = call(*words, "--password-file", str(tmp_path / "password"))
    assert (stranger.returncode, careful.returncode) == (1, 1)
    assert "answered 401" in stranger.stderr
    assert "is not trusted" in careful.stderr
    assert PASSWORD not in careful.stderr


def test_the_file_tells_that_the_store_is_gone(tmp_path: Path) -> None:
    """With --follow it is written again and again; an old one would look like a pipeline that works."""
    db, file = tmp_path / "logs.duckdb", tmp_path / "logpipe.prom"
    new_store(db).close()
    words = ["-o", str(file), "--follow", "--interval", "1s", "--db", str(db)]
    with process([str(LOGPIPE), "ship", "prometheus", *words]) as writer:
        answered(lambda: file.exists() or None, lambda _: True)
        assert read(file.read_bytes())[key("logpipe_up")] == 1
        db.unlink()
        answered(lambda: read(file.read_bytes()), lambda series: series == {key("logpipe_up"): 0})
        new_store(db).close()
        answered(lambda: read(file.read_bytes()), lambda series: series[key("logpipe_up")] == 1)
        writer.send_signal(signal.SIGINT)
        assert writer.wait(DEADLINE_S) == 0

"""A real Alertmanager, and a webhook that gets what it has to tell."""

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

DEADLINE_S: Final = 30.0
_CONFIGURATION: Final = """
route: {{receiver: people, group_by: [incident], group_wait: 100ms, group_interval: 200ms, repeat_interval: 1h}}
receivers:
  - name: people
    webhook_configs: [{{url: "http://127.0.0.1:{port}/", send_resolved: true}}]
"""


@dataclass
class Running:
    """Where it listens, and what people were told."""

    url: str
    told: list[dict[str, Any]] = field(default_factory=list)

    def alerts(self) -> list[dict[str, Any]]:
        """Those that are active, in the order of their names and services."""
        found = httpx.get(f"{self.url}/api/v2/alerts").json()
        return sorted(found, key=lambda alert: (alert["labels"]["alertname"], alert["labels"]["service"]))

    def notified(self, number: int) -> list[dict[str, Any]]:
        """So many notifications, as soon as they are there."""
        until(lambda: len(self.told) >= number)
        return self.told

    def amtool(self, *words: str) -> str:
        """What `amtool` says of it."""
        done = subprocess.run(
            [program("amtool"), f"--alertmanager.url={self.url}", *words], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def until(true: Callable[[], bool]) -> None:
    """Wait for it, but not for ever."""
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def program(name: str) -> str:
    """Where one of Debian's programs is; without it a test is skipped, or fails in CI."""
    found = shutil.which(name)
    if found:
        return found
    message = f"{name} is missing: apt-get install prometheus-alertmanager"
    if "CI" in os.environ:
        pytest.fail(message)
    pytest.skip(message)


@contextmanager
def alertmanager(folder: Path) -> Iterator[Running]:
    """One on a free port, without memory of others."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    running = Running(f"http://127.0.0.1:{port}")
    with _webhook(running.told) as webhook, (folder / "alertmanager.log").open("wb") as log:
        (folder / "alertmanager.yml").write_text(_CONFIGURATION.format(port=webhook))
        arguments = ["--config.file=alertmanager.yml", "--storage.path=data", "--cluster.listen-address="]
        process = subprocess.Popen(
            [program("prometheus-alertmanager"), *arguments, f"--web.listen-address=127.0.0.1:{port}"],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        try:
            until(lambda: _is_ready(running.url))
            yield running
        finally:
            process.kill()
            process.wait()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready").is_success
    except httpx.TransportError:
        return False


@contextmanager
def _webhook(told: list[dict[str, Any]]) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body: Mapping[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.append(dict(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""A real Alertmanager, and a webhook that gets what it has to tell."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import httpx

from tests.deploy.debian import run
from tests.deploy.servers import started, until

PACKAGE: Final = "prometheus-alertmanager"
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
    told: list[dict[str, Any]]

    def alerts(self) -> list[dict[str, Any]]:
        """Those that are active, in the order of their names and services."""
        found = httpx.get(f"{self.url}/api/v2/alerts").json()
        return sorted(found, key=lambda alert: (alert["labels"]["alertname"], alert["labels"]["service"]))

    def notified(self, number: int) -> list[dict[str, Any]]:
        """So many notifications, as soon as they are there."""
        until(lambda: len(self.told) >= number, lambda: self.told)
        return self.told

    def amtool(self, *words: str) -> str:
        """What `amtool` says of it."""
        return run("amtool", PACKAGE, f"--alertmanager.url={self.url}", *words)


@contextmanager
def alertmanager(folder: Path) -> Iterator[Running]:
    """One on a free port, without memory of others."""
    told: list[dict[str, Any]] = []
    arguments = ("--config.file=alertmanager.yml", "--storage.path=data", "--cluster.listen-address=")
    with _webhook(told) as port:
        (folder / "alertmanager.yml").write_text(_CONFIGURATION.format(port=port))
        with started(folder, "prometheus-alertmanager", PACKAGE, *arguments) as url:
            yield Running(url, told)


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

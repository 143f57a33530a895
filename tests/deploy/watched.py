"""What the dashboards of databases, caches and machines watch: real servers and this machine, and their exporters."""

import ssl
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import trustme

from tests.deploy import postgresql, redis_server
from tests.deploy.debian import ROOT
from tests.deploy.exporter import exporting
from tests.deploy.servers import answering, reserved_port

BLACKBOX = ROOT / "deploy" / "blackbox" / "blackbox.yml"


@dataclass(frozen=True)
class Watched:
    """What a Prometheus is to scrape, and what makes its figures move."""

    targets: dict[str, str]
    """HOST:PORT by the name of the job in deploy/prometheus."""
    work: Callable[[], None]
    """Transactions and lookups; part of them fail, so that alerts fire."""


@contextmanager
def watching(folder: Path) -> Iterator[Watched]:
    """All of them, for as long as this lasts."""
    with ExitStack() as stack:
        host = stack.enter_context(postgresql.running())
        stack.enter_context(postgresql.waiting(host))
        port = stack.enter_context(reserved_port())
        cache = stack.enter_context(redis_server.running(folder, port))
        exported = stack.enter_context(exporting("redis", folder, REDIS_ADDR=f"redis://127.0.0.1:{port}"))
        secure, authority = _certified(folder)
        probed = stack.enter_context(_page(lambda: "It works.", secure))
        trusting = {"SSL_CERT_FILE": str(authority)}
        blackbox = stack.enter_context(exporting("blackbox", folder, f"--config.file={BLACKBOX}", **trusting))

        def cache_metrics() -> str:
            return _read(f"http://{exported}/metrics") + redis_server.latencies(cache)

        def probe() -> str:
            return _read(f"http://{blackbox}/probe?module=https&target=https://{probed}/")

        def work() -> None:
            postgresql.work(host)
            redis_server.work(cache)

        yield Watched(
            {
                "postgres": stack.enter_context(postgresql.exported(host, folder)),
                "redis": stack.enter_context(_page(cache_metrics)),
                "node": stack.enter_context(exporting("node", folder)),
                "probes": stack.enter_context(_page(probe)),
            },
            work,
        )


def _read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def _certified(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """For a web server, with a certificate that expires soon; and the authority that it is to be believed by."""
    authority, path = trustme.CA(), folder / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    soon = datetime.now(UTC) + timedelta(days=20)
    authority.issue_cert("127.0.0.1", not_after=soon).configure_cert(context)
    return context, path


@contextmanager
def _page(text: Callable[[], str], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A web server with one page; gives its address."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = text().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name it overrides
            """Stay quiet."""

    with answering(Page, tls) as address:
        yield address

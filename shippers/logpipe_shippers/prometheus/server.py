"""An HTTP server for scrapers: `/metrics`, `/metrics/json` and `/health`."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import orjson
from prometheus_client import CollectorRegistry, generate_latest, make_wsgi_app
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from logpipe.errors import SettingError, StoreError
from logpipe_shippers.prometheus.collector import up
from logpipe_shippers.prometheus.samples import as_json
from logpipe_shippers.prometheus.scrapes import DEFAULT_TIMEOUT_S, Scrapes

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

DEFAULT_PORT: Final = 9464
"""That of OpenTelemetry's Prometheus exporters."""
LOOPBACK: Final = "127.0.0.1"

_SILENCE_S: Final = 30.0
"""A client that says nothing for so long is left."""
_MARGIN_S: Final = 0.5
"""Of the time that a scraper waits, for the answer to be written and sent."""
_LONGEST_S: Final = 300.0
_TEXT: Final = "text/plain; charset=utf-8"
_JSON: Final = "application/json"


def address(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, `[IPv6]:PORT` or `PORT`; without a host it is the loopback.

    Raises:
        SettingError: it is none of them.
    """
    host, _, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not port.isascii() or not port.isdigit() or int(port) > 65_535 or (":" in bare and bare == host):
        raise SettingError(
            f"{text!r} is no address to listen at", remedy=f"give one as {LOOPBACK}:{DEFAULT_PORT}", reason="listen"
        )
    return bare or LOOPBACK, int(port)


@contextmanager
def serving(scrapes: Scrapes, host: str, port: int) -> Iterator[str]:
    """Serve while the block runs; what is given is the address, with the port that 0 became.

    Raises:
        SettingError: nobody may listen there.
    """
    try:
        server = (_Server6 if ":" in host else _Server)((host, port), _Quiet)
    except OSError as error:
        raise SettingError(
            f"cannot listen at {host}:{port}: {(error.strerror or str(error)).lower()}",
            remedy="choose another address with --listen",
            reason="listen",
        ) from error
    server.set_app(_App(scrapes))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="ship-scrapes")
    thread.start()
    try:
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Without a look-up of the host's name, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is none of ours."""


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Quiet(WSGIRequestHandler):
    timeout = _SILENCE_S

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it overrides
        """Scrapes are no news."""


class _App:
    """The WSGI application."""

    def __init__(self, scrapes: Scrapes) -> None:
        self._scrapes = scrapes
        self._pages: dict[str, Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]] = {
            "/metrics": self._metrics,
            "/metrics/json": self._json,
            "/health": self._health,
        }

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        page = self._pages.get(environ.get("PATH_INFO", ""))
        if page is None:
            return _answer(start_response, "404 Not Found", _TEXT, b"there are /metrics, /metrics/json and /health\n")
        if environ["REQUEST_METHOD"] != "GET":
            return _answer(start_response, "405 Method Not Allowed", _TEXT, b"use GET\n", ("Allow", "GET"))
        return page(environ, start_response)

    def _metrics(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        try:
            metrics = self._scrapes.metrics(_patience_s(environ))
        except StoreError as error:
            said = f"# {_one_line(error)}\n".encode() + generate_latest(registry([up(0)]))
            return _answer(start_response, "503 Service Unavailable", CONTENT_TYPE_PLAIN_0_0_4, said)
        # Content negotiation, compression and ?name[]= are the client library's.
        return make_wsgi_app(registry(metrics))(environ, start_response)  # type: ignore[no-any-return]

    def _json(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        try:
            metrics = self._scrapes.metrics(_patience_s(environ))
        except StoreError as error:
            return _answer(start_response, "503 Service Unavailable", _JSON, _failure(error))
        return _answer(start_response, "200 OK", _JSON, as_json(metrics))

    def _health(self, _: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        try:
            self._scrapes.reachable()
        except StoreError as error:
            return _answer(start_response, "503 Service Unavailable", _JSON, _failure(error))
        return _answer(start_response, "200 OK", _JSON, b'{"status":"ok"}')


class _Read(Collector):
    """Metrics that are read already."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def registry(metrics: Sequence[Metric]) -> CollectorRegistry:
    """What the client library writes from."""
    made = CollectorRegistry(auto_describe=True)
    made.register(_Read(metrics))
    return made


def _patience_s(environ: "WSGIEnvironment") -> float:
    """How long the scraper waits, as Prometheus tells it."""
    try:
        told = float(environ.get("HTTP_X_PROMETHEUS_SCRAPE_TIMEOUT_SECONDS", ""))
    except ValueError:
        told = DEFAULT_TIMEOUT_S
    told = told if 0 < told <= _LONGEST_S else DEFAULT_TIMEOUT_S
    return max(told - _MARGIN_S, told / 2)


def _answer(
    start_response: "StartResponse", status: str, kind: str, body: bytes, *headers: tuple[str, str]
) -> list[bytes]:
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body))), *headers])
    return [body]


def _failure(error: StoreError) -> bytes:
    return orjson.dumps({"status": "unavailable", "reason": error.reason, "error": _one_line(error)})


def _one_line(error: StoreError) -> str:
    return " ".join(str(error).split())

"""A real HTTP server in a thread that answers as it is told and keeps what it got, with or without TLS."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Got:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes
    method: str = "POST"


@dataclass
class Answers:
    """What the server got, and what it answers next; 200 where nothing is left to answer."""

    next: list[tuple[int, str, dict[str, str]]] = field(default_factory=list)
    got: list[Got] = field(default_factory=list)
    url: str = ""
    judge: Callable[[Got], int] = lambda _: 200
    """The status of a request for which nothing is left."""

    def say(self, status: int, text: str = "", **headers: str) -> None:
        self.next.append((status, text, {name.replace("_", "-"): value for name, value in headers.items()}))


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Answers]:
    """A server on a free port of the loopback."""
    answers = Answers()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            got = Got(self.path, dict(self.headers), body, self.command)
            answers.got.append(got)
            status, text, headers = answers.next.pop(0) if answers.next else (answers.judge(got), "", {})
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_PUT = do_POST  # noqa: N815 - the name it is called by

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    answers.url = f"{'https' if tls else 'http'}://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield answers
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

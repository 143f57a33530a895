"""Servers from Debian's packages and of our own, started for a test and ended with it."""

import socket
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.deploy.debian import program

DEADLINE_S = 240
END_S = 60
"""What a server gets to end by itself; on a disk that stalls it needs some of it."""


@contextmanager
def started(folder: Path, name: str, package: str, *arguments: str) -> Iterator[str]:
    """A server of the Prometheus family, at the address that it gets; its log is the file `log` of the folder."""
    log = folder / "log"
    with reserved_port() as port, log.open("wb") as stream:
        address = f"127.0.0.1:{port}"
        command = [program(name, package), *arguments, f"--web.listen-address={address}"]
        process = subprocess.Popen(command, stdout=stream, stderr=stream, cwd=folder)
        try:
            until(lambda: process.poll() is not None or _ready(address), log.read_text)
            assert process.poll() is None, log.read_text()
            yield f"http://{address}"
        finally:
            process.terminate()
            try:
                process.wait(timeout=END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


@contextmanager
def answering(handler: Callable[..., BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A web server on a thread; gives its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def until(
    condition: Callable[[], bool],
    what: Callable[[], object],
    deadline_s: float = DEADLINE_S,
    every_s: float = 0.02,
) -> None:
    """Wait for a condition, at most for four minutes, where nothing else is said; then say what there is."""
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(every_s)


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port of the loopback that nobody listens on but who is told it.

    It stays bound, by which the kernel gives it to nobody else; servers, who all set SO_REUSEADDR, may listen on it.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=10):
            return True
    except OSError:
        return False

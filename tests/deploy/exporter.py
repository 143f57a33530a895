"""Exporters from Debian's packages."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from real_shop.server import Server
from tests.deploy.debian import program
from tests.deploy.servers import reserved_port


@contextmanager
def exporting(name: str, folder: Path, *arguments: str, **environment: str) -> Iterator[str]:
    """The exporter of that name, with its log in a folder; gives its HOST:PORT."""
    full_name = f"prometheus-{name}-exporter"
    with reserved_port() as port:

        def listens() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        command = [program(full_name, full_name), *arguments, f"--web.listen-address=127.0.0.1:{port}"]
        server = Server(full_name, command, folder, folder / f"{full_name}.log", listens, environment=environment)
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop()

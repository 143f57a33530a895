"""A server in a thread that does with each connection what a handler does, for what no HTTP and no mail server does."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def handling(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    """The free port of the loopback that it listens at."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()

"""A day's outage: whatever has piled up is shipped in the memory that a little of it takes."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from logpipe.store import Store
from tests.shippers.loki_stores import NOW
from tests.store.owners import LOGPIPE
from tests.stores import new_store

EVENTS = 1_200_000
ENTRY_EVENTS = 40
"""Of an entry of the ledger: a follower that reads what is written a second at a time makes many."""
SOURCES = 8
MOST_GROWTH_MB = 64
_EVENTS = """
INSERT INTO events (ts, severity, level, service, message, trace_id, attributes, source_id, source_pos, bytes)
SELECT $since + n * INTERVAL 60 MILLISECOND, 9, 'INFO', 'web-' || source, repeat('request served ', 8) || n,
    md5(n::VARCHAR), '{"cart": ' || n || ', "user": {"id": 7}}', source, (n // $sources) * 100, 100
FROM (SELECT n, (n % $sources + 1)::INTEGER AS source FROM range($events) AS numbers (n))
ORDER BY n
"""
_LEDGER = """
INSERT INTO ledger
SELECT nextval('ledger_ids'), source, entry * $size * 100, (entry + 1) * $size * 100, $size, $size, 0, 0, 0, 0, 0, '',
    '', now()
FROM range($events // $sources // $size) AS entries (entry), range(1, $sources + 1) AS numbers (source)
ORDER BY entry, source
"""


@pytest.fixture(scope="module")
def outages(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """What a day without the receiver leaves, and a tenth of it, in the order in which eight files were read."""
    folder = tmp_path_factory.mktemp("outage")
    made = {events: folder / f"{events}.duckdb" for events in (EVENTS // 10, EVENTS)}
    for events, path in made.items():
        with new_store(path) as store:
            since = NOW - timedelta(days=1)
            store.execute(_EVENTS, {"since": since, "events": events, "sources": SOURCES})
            store.execute(_LEDGER, {"events": events, "sources": SOURCES, "size": ENTRY_EVENTS})
    return made


@contextmanager
def taking() -> Iterator[str]:
    """A receiver that takes everything and keeps nothing."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            left = int(self.headers["Content-Length"])
            while left:
                left -= len(self.rfile.read(min(left, 1 << 16)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def peak_mb(kind: str, url: str, db: Path) -> int:
    """Ship all that there is by a process of its own; the most memory that it had at once."""
    shipper = os.posix_spawn(LOGPIPE, [LOGPIPE, "ship", kind, "--url", url, "--db", str(db)], os.environ)
    _, status, usage = os.wait4(shipper, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return usage.ru_maxrss // 1024


@pytest.mark.long
@pytest.mark.parametrize("kind", ["loki", "otlp"])
def test_catching_up_takes_no_more_memory_than_beginning_to(outages: dict[int, Path], kind: str) -> None:
    """Of real processes; and each event is shipped."""
    peaks = {}
    with taking() as url:
        for events, path in outages.items():
            peaks[events] = peak_mb(kind, url, path)
            with Store.open(path, read_only=True) as store:
                assert store.execute("SELECT accepted FROM shipping WHERE target = ?", [f"{kind}:main"]) == [(events,)]
    assert peaks[EVENTS] - peaks[EVENTS // 10] < MOST_GROWTH_MB, peaks

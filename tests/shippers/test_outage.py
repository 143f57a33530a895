"""A day's outage: whatever has piled up is shipped in the memory that a little of it takes."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from logpipe.store import Store
from tests.shippers.loki_stores import NOW
from tests.store.owners import LOGPIPE, process
from tests.stores import new_store

EVENTS = {"loki": 1_200_000, "otlp": 240_000}
"""OTLP's records are made in Python, so fewer of them take as long."""
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


def piled_up(path: Path, events: int) -> Path:
    """What an outage leaves, in the order in which eight files were read side by side."""
    with new_store(path) as store:
        since = NOW - timedelta(days=1)
        store.execute(_EVENTS, {"since": since, "events": events, "sources": SOURCES})
        store.execute(_LEDGER, {"events": events, "sources": SOURCES, "size": ENTRY_EVENTS})
    return path


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
    peak = 0
    with process([LOGPIPE, "ship", kind, "--url", url, "--db", str(db)]) as shipper:
        # Not by `wait4`, which counts the memory that this process had before, too.
        while shipper.poll() is None:
            found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{shipper.pid}/status").read_text())
            peak = max(peak, int(found[1]) // 1024 if found else 0)
            time.sleep(0.05)
        assert shipper.returncode == 0
    return peak


@pytest.mark.long
@pytest.mark.parametrize("kind", EVENTS)
def test_catching_up_takes_no_more_memory_than_beginning_to(tmp_path: Path, kind: str) -> None:
    """A tenth of it by one process, all of it by another; and each event is shipped."""
    peaks = []
    with taking() as url:
        for events in (EVENTS[kind] // 10, EVENTS[kind]):
            db = piled_up(tmp_path / f"{events}.duckdb", events)
            peaks.append(peak_mb(kind, url, db))
            with Store.open(db, read_only=True) as store:
                assert store.execute("SELECT accepted FROM shipping") == [(events,)]
    few, many = peaks
    assert many - few < MOST_GROWTH_MB, peaks

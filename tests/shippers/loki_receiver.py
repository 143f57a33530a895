"""A receiver of Loki's push API that takes and refuses what Loki does, and counts the lines, for tests.

A line over a limit refuses its request but not the lines beside it; exact duplicates are kept once. Beyond Loki it
insists on a `service_name`, and on metadata names that LogQL can address. Told to, it is slow, hangs, breaks off, or
stores and breaks off before it answers.
"""

import json
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.shippers.loki_protocol import NAME, Entry, Refused, Stream, decode

DAY_S = 86_400
Line = tuple[str, int, str]


@dataclass
class Loki:
    """What it is told, and what it has."""

    max_line_bytes: int = 262_144
    max_metadata_bytes: int = 65_536
    max_metadata_entries: int = 128
    max_labels: int = 15
    max_age_s: float = 7 * DAY_S
    max_ahead_s: float = 600
    max_behind_s: float = 3_600
    clock: Callable[[], float] = time.time
    """By which lines are too old or too new; it may stand still, so that a search takes no line for both."""
    max_request_bytes: int = 4 << 20
    max_streams: int = 5_000
    burst_bytes: float = float("inf")
    """Of a bucket that is filled whenever it was asked in vain, so that no test depends on its speed."""
    takes_metadata: bool = True
    tenant: str | None = None
    authorization: str | None = None
    troubles: list[str] = field(default_factory=list)
    """What to do first, one at a request: a status, a status and Retry-After as `429:2`; `drop` and `reset` the
    connection; `take` the lines and drop it; `slow` answers in pieces; `hang` until `let_go`."""
    refuses_all: str | None = None
    """With 400, whatever it is."""

    url: str = ""
    lines: dict[Line, dict[str, str]] = field(default_factory=dict)
    """Those it has, with their metadata."""
    newest: dict[str, int] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    kinds: set[tuple[str, str]] = field(default_factory=set)
    """Content types and encodings."""
    requested_lines: list[int] = field(default_factory=list)
    let_go: threading.Event = field(default_factory=threading.Event)
    hanging: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _tokens: float | None = None

    def texts(self) -> Counter[str]:
        """The lines without their streams and times."""
        return Counter(line for _, _, line in list(self.lines))

    def take(self, streams: list[Stream]) -> None:
        """Store what is right; then refuse the request if anything was not."""
        self._limit_rate(streams)
        refused: Refused | None = None
        for stream in streams:
            if not stream.entries:
                continue
            try:
                self._check_labels(stream.labels)
            except Refused as error:
                refused = error
                continue
            refused = self._take_stream(stream) or refused
        if refused is not None:
            raise refused

    def _take_stream(self, stream: Stream) -> Refused | None:
        name = json.dumps(stream.labels, sort_keys=True)
        if name not in self.newest and len(self.newest) >= self.max_streams:
            raise Refused(429, f"maximum active stream limit exceeded when trying to create stream {name}")
        refused, behind = None, []
        for entry in stream.entries:
            try:
                self._check(name, entry)
            except Refused as error:
                refused = error
                continue
            if entry.ns < self.newest.get(name, 0) - self.max_behind_s * 1e9:
                behind.append(
                    f"entry with timestamp {entry.ns} ignored, reason: 'entry too far behind, entry timestamp is: "
                    f"{_text(entry.ns)}, oldest acceptable timestamp is: …',"
                )
                continue
            self.newest[name] = max(entry.ns, self.newest.get(name, 0))
            self.lines[name, entry.ns, entry.line] = entry.metadata
        if behind:
            total = f"total ignored: {len(behind)} out of {len(stream.entries)} for stream: {name}"
            return Refused(400, "\n".join([*behind[:10], total]))
        return refused

    def _limit_rate(self, streams: list[Stream]) -> None:
        entries = [entry for stream in streams for entry in stream.entries]
        size = sum(
            len(one.line) + sum(len(name) + len(value) for name, value in one.metadata.items()) for one in entries
        )
        have = self.burst_bytes if self._tokens is None else self._tokens
        if size > have:
            self._tokens = self.burst_bytes
            raise Refused(
                429,
                "ingestion rate limit exceeded for user fake (limit: 4194304 bytes/sec) while attempting to ingest "
                f"'{len(entries)}' lines totaling '{size}' bytes",
            )
        self._tokens = have - size

    def _check_labels(self, labels: dict[str, str]) -> None:
        if not any(labels.values()) or "service_name" not in labels:
            raise Refused(400, "error at least one label pair is required per stream")
        if len(labels) > self.max_labels:
            raise Refused(400, f"entry for stream '{labels}' has {len(labels)} label names; limit {self.max_labels}")
        for name, value in labels.items():
            if len(name.encode()) > 1024 or len(value.encode()) > 2048:
                raise Refused(400, f"stream '{name[:40]}' has label value too long")

    def _check(self, stream: str, entry: Entry) -> None:
        now, seconds = self.clock(), entry.ns / 1e9
        if seconds < now - self.max_age_s:
            oldest = _text(int((now - self.max_age_s) * 1e9))
            raise Refused(
                400,
                f"entry for stream '{stream}' has timestamp too old: {_text(entry.ns)}, "
                f"oldest acceptable timestamp is: {oldest}",
            )
        if seconds > now + self.max_ahead_s:
            raise Refused(400, f"entry for stream '{stream}' has timestamp too new: {_text(entry.ns)}")
        if (size := len(entry.line.encode())) > self.max_line_bytes:
            raise Refused(
                400,
                f"max entry size '{self.max_line_bytes}' bytes exceeded for stream '{stream}' while adding an entry "
                f"with length '{size}' bytes",
            )
        self._check_metadata(stream, entry.metadata)

    def _check_metadata(self, stream: str, metadata: dict[str, str]) -> None:
        if metadata and not self.takes_metadata:
            raise Refused(400, f"stream '{stream}' includes structured metadata, but this feature is disallowed.")
        if len(metadata) > self.max_metadata_entries:
            raise Refused(
                400,
                f"stream '{stream}' has too many structured metadata labels: '{len(metadata)}', "
                f"limit: '{self.max_metadata_entries}'.",
            )
        size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
        if size > self.max_metadata_bytes:
            raise Refused(
                400,
                f"stream '{stream}' has structured metadata too large: '{size}' bytes, "
                f"limit: '{self.max_metadata_bytes}' bytes.",
            )
        if not all(NAME.fullmatch(name) for name in metadata):
            raise Refused(400, f"metadata names: {sorted(metadata)}")


def _text(ns: int) -> str:
    return datetime.fromtimestamp(ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def serving(loki: Loki, tls: ssl.SSLContext | None = None) -> Iterator[Loki]:
    """Serve on a free port of the loopback."""

    class Handler(_Handler):
        state = loki

    server = _Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    loki.url = f"{'https' if tls else 'http'}://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield loki
    finally:
        loki.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away, or was sent away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    state: Loki

    def do_POST(self) -> None:
        loki = self.state
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with loki.lock:
            trouble = loki.troubles.pop(0) if loki.troubles else ""
        if trouble and trouble[0].isdigit():
            status, _, retry_after = trouble.partition(":")
            self._answer(int(status), "not now", {"Retry-After": retry_after} if retry_after else {})
        elif trouble in ("drop", "reset"):
            self._break_off(reset=trouble == "reset")
        else:
            if trouble == "hang":
                loki.hanging.set()
                loki.let_go.wait(120)
            with loki.lock:
                judged, text = self._judge(body)
            if trouble == "take":
                self._break_off(reset=False)
            else:
                self._answer(judged, text, {}, slow=trouble == "slow")

    def _judge(self, body: bytes) -> tuple[int, str]:
        loki = self.state
        loki.kinds.add((self.headers.get("Content-Type", ""), self.headers.get("Content-Encoding", "")))
        try:
            self._let_in(body)
            streams = decode(self.headers, body)  # type: ignore[arg-type] # a message is as good as a mapping
            loki.requested_lines.append(sum(len(stream.entries) for stream in streams))
            loki.take(streams)
        except Refused as error:
            return error.status, error.reason + "\n"
        return 204, ""

    def _let_in(self, body: bytes) -> None:
        loki = self.state
        if self.path != "/loki/api/v1/push":
            raise Refused(404, "404 page not found")
        if loki.authorization is not None and self.headers.get("Authorization") != loki.authorization:
            raise Refused(401, "Unauthorized")
        if self.headers.get("X-Scope-OrgID") != loki.tenant:
            raise Refused(401, "no org id")
        if loki.refuses_all is not None:
            raise Refused(400, loki.refuses_all)
        if len(body) > loki.max_request_bytes:
            raise Refused(413, "request body too large")

    def _break_off(self, *, reset: bool) -> None:
        self.state.statuses.append(0)
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _answer(self, status: int, text: str, headers: dict[str, str], *, slow: bool = False) -> None:
        self.state.statuses.append(status)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        encoded = text.encode()
        if status != 204:
            self.send_header("Content-Length", str(len(encoded)))
        if slow:
            self.wfile.write(self._headers_buffer[0][:5])  # type: ignore[attr-defined] # of the base class
            self._headers_buffer[0] = self._headers_buffer[0][5:]  # type: ignore[attr-defined]
            self.wfile.flush()
            self.state.let_go.wait(0.1)
        self.end_headers()
        if status != 204:
            self.wfile.write(encoded)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name it overrides
        """Stay quiet."""

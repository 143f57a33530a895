"""A receiver of Loki's push API that refuses what Loki refuses, for tests.

Its rules and messages are those observed on a real Loki with default limits: the content type decides the decoder, a
value of a wrong type refuses the whole request, a line over a limit refuses its request but not the lines beside it, a
line an hour behind its stream is refused, and exact duplicates are kept once. Beyond Loki it insists on gzip, on
metadata names that LogQL can address, and on a `service_name`.

It prints its port. `GET /state` tells what it has; `POST /reset` forgets it.
"""

import argparse
import gzip
import json
import re
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

MAX_LINE_BYTES: Final = 262_144
MAX_METADATA_BYTES: Final = 65_536
MAX_METADATA_ENTRIES: Final = 128
MAX_LABELS: Final = 15
MAX_AGE_S: Final = 7 * 86_400
MAX_AHEAD_S: Final = 600
MAX_BEHIND_S: Final = 3_600
NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)


class Refused(Exception):  # noqa: N818 - it is an answer, not a failure of the receiver
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass
class State:
    entries: set[tuple[str, int, str]] = field(default_factory=set)
    metadata: list[dict[str, str]] = field(default_factory=list)
    newest: dict[str, int] = field(default_factory=dict)
    accepted: int = 0
    statuses: list[int] = field(default_factory=list)
    tenants: list[str | None] = field(default_factory=list)


@dataclass
class Rules:
    any_age: bool
    max_request_bytes: int
    troubles: list[str]
    """What to answer first: a status, a status and Retry-After as `429:2`, or `drop`."""


def decode(headers: Any, body: bytes, rules: Rules) -> Any:
    if headers.get("Content-Type", "").split(";")[0].strip() != "application/json":
        raise Refused(400, "snappy: corrupt input")
    if headers.get("Content-Encoding") != "gzip":
        raise Refused(400, f'Content-Encoding "{headers.get("Content-Encoding")}" not supported here')
    try:
        text = gzip.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise Refused(400, str(error)) from error
    if len(text) > rules.max_request_bytes:
        raise Refused(413, f"request body too large: {len(text)} bytes, limit: {rules.max_request_bytes}")
    try:
        return json.loads(text.decode("utf-8"), parse_constant=_no_constant)
    except ValueError as error:
        raise Refused(400, f"loghttp.PushRequest: {error}") from error


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def check_types(request: Any) -> Iterator[tuple[dict[str, str], list[Any]]]:
    """The streams of a request, once everything in it has the right type."""
    streams = request.get("streams") if isinstance(request, dict) else None
    if not isinstance(streams, list):
        raise Refused(400, "loghttp.PushRequest.Streams: not a list")
    if not streams:
        raise Refused(422, "error at least one valid stream is required for ingestion")
    for stream in streams:
        labels, values = stream["stream"], stream["values"]
        check_labels(labels)
        if not isinstance(values, list):
            raise Refused(400, "loghttp.PushRequest.Streams: values is not a list")
        for value in values:
            check_value(labels, value)
        yield labels, values


def check_labels(labels: Any) -> None:
    if not isinstance(labels, dict) or not labels:
        raise Refused(400, "error at least one label pair is required per stream")
    for name, value in labels.items():
        if not NAME.fullmatch(name) or not isinstance(value, str) or not value:
            raise Refused(400, f"couldn't parse labels: {name!r}: {value!r}")
        if len(name.encode()) > 1024 or len(value.encode()) > 2048:
            raise Refused(400, f"label too long: {name[:40]!r}")
    if len(labels) > MAX_LABELS:
        raise Refused(400, f"entry has {len(labels)} label names; limit {MAX_LABELS}")
    if "service_name" not in labels:
        raise Refused(400, "no service_name")


def check_value(labels: dict[str, str], value: Any) -> None:
    texts = value[:2] if isinstance(value, list) else []
    if len(texts) != 2 or len(value) > 3 or not all(isinstance(text, str) for text in texts):
        raise Refused(400, "unmarshalerDecoder: Value looks like Number/Boolean/None")
    if not re.fullmatch(r"\d{1,19}", value[0], re.ASCII) or int(value[0]) >= 2**63:
        raise Refused(400, f"unmarshalerDecoder: {value[0]!r} is no time in nanoseconds")
    metadata = value[2] if len(value) == 3 else {}
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise Refused(400, "unmarshalerDecoder: Value is string, but can't find closing '\"' symbol")
    if not all(NAME.fullmatch(name) for name in metadata) or labels.keys() & metadata.keys():
        raise Refused(400, f"metadata names: {sorted(metadata)}")


def check_limits(state: State, rules: Rules, stream: str, ns: int, line: str, metadata: dict[str, str]) -> None:
    size = len(line.encode())
    if size > MAX_LINE_BYTES:
        raise Refused(
            400,
            f"max entry size '{MAX_LINE_BYTES}' bytes exceeded for stream '{stream}' while adding an entry with length "
            f"'{size}' bytes",
        )
    if len(metadata) > MAX_METADATA_ENTRIES:
        raise Refused(
            400, f"stream '{stream}' has too many structured metadata labels: '{len(metadata)}', limit: '128'"
        )
    metadata_size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    if metadata_size > MAX_METADATA_BYTES:
        raise Refused(400, f"stream '{stream}' has structured metadata too large: '{metadata_size}' bytes")
    now = time.time()
    if not rules.any_age and ns / 1e9 < now - MAX_AGE_S:
        raise Refused(400, f"entry for stream '{stream}' has timestamp too old: {ns}")
    if not rules.any_age and ns / 1e9 > now + MAX_AHEAD_S:
        raise Refused(400, f"entry for stream '{stream}' has timestamp too new: {ns}")
    if ns < state.newest.get(stream, 0) - MAX_BEHIND_S * 1_000_000_000:
        raise Refused(400, f"entry with timestamp {ns} ignored, reason: 'entry too far behind', stream: {stream}")


def take(state: State, rules: Rules, request: Any) -> None:
    """Store the acceptable lines; then refuse the request if any line was not."""
    refused: Refused | None = None
    for labels, values in list(check_types(request)):
        stream = json.dumps(labels, sort_keys=True)
        for ns_text, line, *extra in values:
            ns, metadata = int(ns_text), extra[0] if extra else {}
            try:
                check_limits(state, rules, stream, ns, line, metadata)
            except Refused as error:
                refused = error
                continue
            state.newest[stream] = max(ns, state.newest.get(stream, 0))
            state.entries.add((stream, ns, line))
            state.metadata.append(metadata)
            state.accepted += 1
    if refused is not None:
        raise refused


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    rules: Rules
    state = State()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/reset":
            Handler.state = State()
            self._answer(200, "")
        elif self.path != "/loki/api/v1/push":
            self._answer(404, "404 page not found")
        else:
            self._push(body)

    def do_GET(self) -> None:
        shown = {
            "entries": [[json.loads(stream), ns, line] for stream, ns, line in sorted(self.state.entries)],
            "metadata": self.state.metadata,
            "accepted": self.state.accepted,
            "statuses": self.state.statuses,
            "tenants": self.state.tenants,
        }
        self._answer(200, json.dumps(shown))

    def _push(self, body: bytes) -> None:
        self.state.tenants.append(self.headers.get("X-Scope-OrgID"))
        if self.rules.troubles:
            self._trouble(self.rules.troubles.pop(0))
            return
        try:
            take(self.state, self.rules, decode(self.headers, body, self.rules))
        except Refused as error:
            self._push_answer(error.status, error.reason + "\n")
        else:
            self._push_answer(204, "")

    def _trouble(self, trouble: str) -> None:
        if trouble == "drop":
            self.state.statuses.append(0)
            self.close_connection = True
            return
        status, _, retry_after = trouble.partition(":")
        headers = {"Retry-After": retry_after} if retry_after else {}
        self._push_answer(int(status), "not now", headers)

    def _push_answer(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        self.state.statuses.append(status)
        self._answer(status, text, headers)

    def _answer(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        encoded = text.encode()
        if status != 204:
            self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        if status != 204:
            self.wfile.write(encoded)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name it overrides
        """Stay quiet."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--any-age", action="store_true")
    parser.add_argument("--max-request-bytes", type=int, default=1_000_000)
    parser.add_argument("--troubles", default="")
    arguments = parser.parse_args()
    troubles = [trouble for trouble in arguments.troubles.split(",") if trouble]
    Handler.rules = Rules(arguments.any_age, arguments.max_request_bytes, troubles)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)  # noqa: T201 - what the test reads
    server.serve_forever()


if __name__ == "__main__":
    main()

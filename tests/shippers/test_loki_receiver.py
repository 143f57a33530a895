"""The Loki of the tests answers as a real one was seen to."""

import gzip
import json
import time
import zlib
from collections.abc import Iterator
from typing import Any

import cramjam
import httpx
import pytest

from tests.shippers.loki_protocol import PushRequest
from tests.shippers.loki_receiver import Loki, serving

NOW_NS = time.time_ns()
JSON = {"Content-Type": "application/json"}
PROTOBUF = {"Content-Type": "application/x-protobuf"}


@pytest.fixture
def loki() -> Iterator[Loki]:
    with serving(Loki()) as loki:
        yield loki


def as_json(*values: list[Any], labels: dict[str, str] | None = None) -> bytes:
    stream = {"service_name": "t"} if labels is None else labels
    return json.dumps({"streams": [{"stream": stream, "values": values}]}).encode()


def as_protobuf(labels: str = '{service_name="t"}') -> bytes:
    request = PushRequest()
    stream = request.streams.add(labels=labels)
    entry = stream.entries.add(line="a")
    entry.timestamp.FromNanoseconds(NOW_NS)
    return bytes(request.SerializeToString())


LINE = [str(NOW_NS), "a"]
PLAIN = as_json(LINE)
RAW = as_protobuf()
SNAPPY = bytes(cramjam.snappy.compress_raw(RAW))
DEFLATED = zlib.compressobj(wbits=-zlib.MAX_WBITS)
WEEK_NS = 7 * 86_400 * 10**9


CASES: list[tuple[dict[str, str], bytes, int, str]] = [
    (JSON, PLAIN, 204, ""),
    ({"Content-Type": "application/json; charset=utf-8"}, PLAIN, 204, ""),
    ({"Content-Type": "text/plain"}, PLAIN, 400, "snappy: corrupt input"),
    (JSON | {"Content-Encoding": "gzip"}, gzip.compress(PLAIN), 204, ""),
    (JSON | {"Content-Encoding": "deflate"}, DEFLATED.compress(PLAIN) + DEFLATED.flush(), 204, ""),
    (JSON | {"Content-Encoding": "zstd"}, PLAIN, 400, 'Content-Encoding "zstd" not supported'),
    (JSON, gzip.compress(PLAIN), 400, "loghttp.PushRequest"),
    (JSON, as_json([NOW_NS, "a"]), 400, "Value looks like Number"),
    (JSON, as_json(["1795234024.188", "a"]), 400, "Value looks like Number"),
    (JSON, as_json([*LINE, {"n": 1}]), 400, "Value is string"),
    (JSON, as_json([*LINE, {"n": "1"}]), 204, ""),
    (JSON, as_json(), 204, ""),
    (JSON, b'{"streams":[]}', 422, "at least one valid stream"),
    (JSON, b"{}", 422, "at least one valid stream"),
    (JSON, b"", 400, "EOF"),
    (JSON, as_json(LINE, labels={"service_name": "t", "a.b": "v"}), 400, "couldn't parse labels"),
    (JSON, as_json(LINE, labels={"service_name": "t"} | {f"l{i}": "v" for i in range(15)}), 400, "16 label names"),
    (JSON, as_json([LINE[0], "x" * 262_144]), 204, ""),
    (JSON, as_json(LINE, [LINE[0], "x" * 262_145]), 400, "max entry size '262144' bytes exceeded"),
    (JSON, as_json([str(NOW_NS - WEEK_NS - 10**12), "a"]), 400, "timestamp too old"),
    (JSON, as_json([str(NOW_NS + 24 * 3600 * 10**9), "a"]), 400, "timestamp too new"),
    (JSON, as_json(LINE, [str(NOW_NS - 3660 * 10**9), "a"]), 400, "total ignored: 1 out of 2 for stream"),
    (JSON, as_json([*LINE, {f"k{i}": "v" for i in range(129)}]), 400, "too many structured metadata labels: '129'"),
    (JSON, as_json([*LINE, {"k": "v" * 66_000}]), 400, "structured metadata too large: '66001' bytes"),
    (PROTOBUF, SNAPPY, 204, ""),
    (PROTOBUF | {"Content-Encoding": "snappy"}, SNAPPY, 204, ""),
    (PROTOBUF, RAW, 400, "snappy: corrupt input"),
    (PROTOBUF, bytes(cramjam.snappy.compress(RAW)), 400, "snappy: corrupt input"),
    (PROTOBUF, gzip.compress(RAW), 400, "snappy: corrupt input"),
    (PROTOBUF, bytes(cramjam.snappy.compress_raw(as_protobuf("{t}"))), 400, "couldn't parse labels"),
]


@pytest.mark.parametrize("case", CASES, ids=[str(number) for number in range(len(CASES))])
def test_an_answer_is_that_of_loki(loki: Loki, case: tuple[dict[str, str], bytes, int, str]) -> None:
    """Status and words; and where one line of two is wrong, the other is kept."""
    headers, body, status, said = case
    answer = httpx.post(f"{loki.url}/loki/api/v1/push", content=body, headers=headers)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    kept = body != as_json() if status == 204 else said.startswith(("max entry size", "total ignored"))
    assert len(loki.lines) == kept


def test_the_same_line_of_the_same_time_is_kept_once(loki: Loki) -> None:
    """Another line of that time is kept, too."""
    for _ in range(2):
        body = as_json(LINE, LINE, [LINE[0], "b"])
        assert httpx.post(f"{loki.url}/loki/api/v1/push", content=body, headers=JSON).status_code == 204
    assert loki.texts() == {"a": 1, "b": 1}

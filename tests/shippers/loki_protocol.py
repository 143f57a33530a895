"""What a request to Loki's push API says: decoded as Loki decodes it, and refused in its words.

Rules and messages are those observed on a real Loki. The messages of protobuf are built of the definitions in
https://github.com/grafana/loki/blob/main/pkg/push/push.proto.
"""

import gzip
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cramjam
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_PAIR = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)=("(?:[^"\\]|\\.)*")(?:, )?')


class Refused(Exception):  # noqa: N818 - it is an answer, not a failure of the receiver
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class Entry:
    ns: int
    line: str
    metadata: dict[str, str]


@dataclass(frozen=True)
class Stream:
    labels: dict[str, str]
    entries: list[Entry]


def push_request() -> Any:
    """The class of `logproto.PushRequest`."""
    file = descriptor_pb2.FileDescriptorProto(
        name="push.proto", package="logproto", syntax="proto3", dependency=["google/protobuf/timestamp.proto"]
    )
    fields = descriptor_pb2.FieldDescriptorProto
    text, message, number = fields.TYPE_STRING, fields.TYPE_MESSAGE, fields.TYPE_UINT64
    messages: dict[str, list[tuple[str, int, int, str | None, bool]]] = {
        "LabelPairAdapter": [("name", 1, text, None, False), ("value", 2, text, None, False)],
        "EntryAdapter": [
            ("timestamp", 1, message, ".google.protobuf.Timestamp", False),
            ("line", 2, text, None, False),
            ("structuredMetadata", 3, message, ".logproto.LabelPairAdapter", True),
        ],
        "StreamAdapter": [
            ("labels", 1, text, None, False),
            ("entries", 2, message, ".logproto.EntryAdapter", True),
            ("hash", 3, number, None, False),
        ],
        "PushRequest": [("streams", 1, message, ".logproto.StreamAdapter", True)],
    }
    for name, members in messages.items():
        described = file.message_type.add(name=name)
        for field, place, kind, of, repeated in members:
            label = fields.LABEL_REPEATED if repeated else fields.LABEL_OPTIONAL
            described.field.add(name=field, number=place, type=kind, type_name=of, label=label)
    pool = descriptor_pool.DescriptorPool()
    known = descriptor_pb2.FileDescriptorProto()
    Timestamp.DESCRIPTOR.file.CopyToProto(known)
    pool.Add(known)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("logproto.PushRequest"))


PushRequest = push_request()


def decode(headers: Mapping[str, str], body: bytes) -> list[Stream]:
    """The streams of a request.

    Raises:
        Refused: as Loki does.
    """
    kind = headers.get("Content-Type", "").split(";")[0].strip()
    encoding = headers.get("Content-Encoding", "")
    if not body:
        raise Refused(400, "EOF")
    streams = _json(body, encoding) if kind == "application/json" else _protobuf(body)
    if not streams:
        raise Refused(422, "error at least one valid stream is required for ingestion")
    return streams


def _protobuf(body: bytes) -> list[Stream]:
    try:
        request = PushRequest.FromString(bytes(cramjam.snappy.decompress_raw(body)))
    except cramjam.DecompressionError as error:
        raise Refused(400, "snappy: corrupt input") from error
    except DecodeError as error:
        raise Refused(400, f"proto: {error}") from error
    return [
        Stream(
            _labels(stream.labels),
            [
                Entry(
                    one.timestamp.seconds * 1_000_000_000 + one.timestamp.nanos,
                    one.line,
                    {pair.name: pair.value for pair in one.structuredMetadata},
                )
                for one in stream.entries
            ],
        )
        for stream in request.streams
    ]


def _labels(text: str) -> dict[str, str]:
    """Of a selector; Go's escapes are, where JSON has them, JSON's."""
    inner = text.removeprefix("{").removesuffix("}")
    if "".join(found[0] for found in _PAIR.finditer(inner)) != inner or text[:1] + text[-1:] not in ("{}", ""):
        raise Refused(400, f"couldn't parse labels: 1:6: parse error: unexpected {text!r}")
    return {found[1]: json.loads(found[2]) for found in _PAIR.finditer(inner)}


def _json(body: bytes, encoding: str) -> list[Stream]:
    try:
        if encoding == "gzip":
            body = gzip.decompress(body)
        elif encoding == "deflate":
            body = zlib.decompress(body, -zlib.MAX_WBITS)
        elif encoding:
            raise Refused(400, f'Content-Encoding "{encoding}" not supported')
        request = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
        return [_json_stream(stream) for stream in request.get("streams", [])]
    except (OSError, EOFError, zlib.error, ValueError, TypeError, AttributeError, KeyError) as error:
        raise Refused(400, f"loghttp.PushRequest.Streams: {error}") from error


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _json_stream(stream: Any) -> Stream:
    labels = stream.get("stream", {})
    if not all(NAME.fullmatch(name) for name in labels):
        raise Refused(400, "couldn't parse labels: 1:3: parse error: unexpected character inside braces: '.'")
    return Stream({name: str(value) for name, value in labels.items()}, [_json_entry(one) for one in stream["values"]])


def _json_entry(value: list[Any]) -> Entry:
    ns, line, metadata = (*value, {})[:3]
    if not isinstance(ns, str) or not isinstance(line, str) or not re.fullmatch(r"\d{1,19}", ns, re.ASCII):
        raise Refused(400, "loghttp.PushRequest.Streams: unmarshalerDecoder: Value looks like Number/Boolean/None")
    if not all(isinstance(text, str) for text in metadata.values()):
        raise Refused(400, "loghttp.PushRequest.Streams: unmarshalerDecoder: Value is string, but can't find closing")
    return Entry(int(ns), line, metadata)

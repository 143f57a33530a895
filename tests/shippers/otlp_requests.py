"""What a receiver of OTLP got, decoded with the published definitions."""

import gzip
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from tests.shippers.http_server import Got


@dataclass(frozen=True, slots=True)
class Received:
    """One log record."""

    resource: Mapping[str, Any]
    scope: str
    log: LogRecord

    @property
    def attributes(self) -> Mapping[str, Any]:
        return members(self.log.attributes)

    @property
    def uid(self) -> str:
        return str(self.attributes["log.record.uid"])


def request_of(got: Got) -> ExportLogsServiceRequest:
    """One request."""
    assert (got.path, got.headers["Content-Type"]) == ("/v1/logs", "application/x-protobuf")
    compressed = got.headers.get("Content-Encoding") == "gzip"
    request = ExportLogsServiceRequest()
    request.ParseFromString(gzip.decompress(got.body) if compressed else got.body)
    return request


def received(got: Iterable[Got]) -> list[Received]:
    """All records, request by request."""
    return [
        Received(members(of_resource.resource.attributes), of_scope.scope.name, log)
        for one in got
        for of_resource in request_of(one).resource_logs
        for of_scope in of_resource.scope_logs
        for log in of_scope.log_records
    ]


def members(pairs: Sequence[KeyValue]) -> dict[str, Any]:
    """As an object; each name stands once."""
    found = {pair.key: value_of(pair.value) for pair in pairs}
    assert len(found) == len(pairs)
    return found


def value_of(value: AnyValue) -> Any:
    """What Python has for it."""
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [value_of(each) for each in value.array_value.values]
        case "kvlist_value":
            return members(value.kvlist_value.values)
        case kind:
            return getattr(value, kind)


def partly(refused: int, why: str) -> str:
    """The body of an answer that is not quite a success; of few records, so that it is ASCII."""
    partial = ExportLogsPartialSuccess(rejected_log_records=refused, error_message=why)
    return bytes(ExportLogsServiceResponse(partial_success=partial).SerializeToString()).decode("ascii")


def status(message: str) -> str:
    """The body of an error: `google.rpc.Status`, of which code and message are encoded as a partial success is."""
    return bytes(ExportLogsPartialSuccess(rejected_log_records=3, error_message=message).SerializeToString()).decode()

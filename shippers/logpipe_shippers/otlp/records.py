"""An event of the store as a `LogRecord`.

Names are those of OpenTelemetry's semantic conventions; what has none there keeps the one that it has in the store.
https://opentelemetry.io/docs/specs/otel/logs/data-model/
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import PurePath
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from logpipe_shippers.otlp.values import any_value, key_values, members

RESOURCE: Final = {
    "service": "service.name",
    "version": "service.version",
    "environment": "deployment.environment.name",
    "host": "host.name",
}
"""Attributes of the resource, by the column that they come from."""
ATTRIBUTES: Final = {
    "stream": "stream",
    "template": "template",
    "duration_ms": "duration_ms",
    "request_id": "request_id",
    "user_id": "user.id",
    "http_method": "http.request.method",
    "http_route": "http.route",
    "http_path": "url.path",
    "http_status": "http.response.status_code",
    "db_system": "db.system.name",
    "db_statement": "db.query.text",
    "exception_type": "exception.type",
    "exception_message": "exception.message",
    "exception_stacktrace": "exception.stacktrace",
    "module": "module",
    "function": "code.function.name",
    "line": "code.line.number",
    "process": "process.pid",
    "thread": "thread.name",
    "instance": "instance",
    "seq": "seq",
}
"""Attributes of the record, likewise."""
_OTHERS: Final = ("severity", "level", "logger", "event", "message", "trace_id", "span_id")
_EXPRESSIONS: Final = {"us": "epoch_us(ts)", "attributes": "attributes::VARCHAR"}
_PLACE: Final = ("source_id", "source_pos")

NAMES: Final = (*RESOURCE, *ATTRIBUTES, *_OTHERS, *_PLACE, *_EXPRESSIONS)
"""What `Row` holds."""
COLUMNS: Final = ", ".join(f"{_EXPRESSIONS.get(name, name)} AS {name}" for name in NAMES)
"""SQL of it."""

_UNKNOWN_SERVICE: Final = "unknown_service"
"""As the conventions have a service without a name, which a resource may not be."""
_HEX: Final = re.compile(r"[0-9a-fA-F]+", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_US: Final = (2**64 - 1) // 1000

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """Where rows come from."""

    path: str
    key: str
    """What it is called in the ids of its records: the same for ever, and another for any other source."""


@dataclass(frozen=True, slots=True)
class Record:
    """A log record, where it belongs and where it comes from."""

    source_id: int
    source_pos: int
    us: int | None
    resource: tuple[str | None, ...]
    scope: str
    log: LogRecord

    @property
    def ts(self) -> datetime | None:
        return None if self.us is None else _EPOCH + timedelta(microseconds=self.us)


def source_key(family: str, generation: int, first_seen_us: int) -> str:
    """As in `Source`."""
    return blake2b(f"{family} {generation} {first_seen_us}".encode(), digest_size=8).hexdigest()


def records(rows: Iterable[Sequence[Any]], sources: Mapping[int, Source], observed_ns: int) -> Iterator[Record]:
    """Of rows in the order of their sources and positions; records of one position are numbered in their ids."""
    before, number = None, 0
    for values in rows:
        row = dict(zip(NAMES, values, strict=True))
        place = (row["source_id"], row["source_pos"])
        number = number + 1 if place == before else 0
        before = place
        yield Record(
            *place,
            row["us"],
            tuple(row[column] or None for column in RESOURCE),
            row["logger"] or "",
            _log_record(row, sources.get(row["source_id"]), number, observed_ns),
        )


def request(found: Sequence[Record]) -> bytes:
    """An encoded `ExportLogsServiceRequest`, by resource and scope."""
    scopes: dict[tuple[str | None, ...], dict[str, list[LogRecord]]] = {}
    for one in found:
        scopes.setdefault(one.resource, {}).setdefault(one.scope, []).append(one.log)
    whole = ExportLogsServiceRequest(
        resource_logs=[
            ResourceLogs(
                resource=_resource(values),
                scope_logs=[
                    ScopeLogs(scope=InstrumentationScope(name=name), log_records=logs) for name, logs in of.items()
                ],
            )
            for values, of in scopes.items()
        ]
    )
    return bytes(whole.SerializeToString())


def _resource(values: tuple[str | None, ...]) -> Resource:
    named = dict(zip(RESOURCE.values(), values, strict=True))
    service = RESOURCE["service"]
    return Resource(attributes=key_values({**named, service: named[service] or _UNKNOWN_SERVICE}.items()))


def _log_record(row: Row, source: Source | None, number: int, observed_ns: int) -> LogRecord:
    trace_id, span_id = _identifier(row["trace_id"], 16), _identifier(row["span_id"], 8)
    us = row["us"]
    return LogRecord(
        time_unix_nano=us * 1000 if us is not None and 0 <= us <= _MAX_US else 0,
        observed_time_unix_nano=observed_ns,
        severity_number=row["severity"],
        severity_text=row["level"] or "",
        body=None if row["message"] is None else any_value(row["message"]),
        event_name=row["event"] or "",
        trace_id=trace_id,
        span_id=span_id,
        attributes=key_values(_attributes(row, source, number, trace_id, span_id)),
    )


def _attributes(
    row: Row, source: Source | None, number: int, trace_id: bytes, span_id: bytes
) -> Iterator[tuple[str, Any]]:
    for column, name in ATTRIBUTES.items():
        yield name, row[column]
    yield "trace_id", None if trace_id else row["trace_id"] or None
    yield "span_id", None if span_id else row["span_id"] or None
    yield "log.file.record_offset", row["source_pos"]
    if source is not None:
        yield "log.file.path", source.path
        yield "log.file.name", PurePath(source.path).name
        yield "log.record.uid", f"{source.key}-{row['source_pos']:x}" + (f"-{number}" if number else "")
    yield from members(row["attributes"])


def _identifier(value: str | None, size: int) -> bytes:
    """So many bytes of hexadecimal digits, not all of them zero; else none."""
    if value is None or len(value) != 2 * size or not _HEX.fullmatch(value):
        return b""
    found = bytes.fromhex(value)
    return found if any(found) else b""

"""The record: one flat JSON object a line, and the row of `events` that holds it.

Names and meanings follow OpenTelemetry's log data model, spelled flat:
https://opentelemetry.io/docs/specs/otel/logs/data-model/
"""

from dataclasses import dataclass
from typing import Final

APP: Final = "app"
ERROR: Final = "error"
PERFORMANCE: Final = "performance"
BUSINESS: Final = "business"
ACCESS: Final = "access"

EMITTED_STREAMS: Final = (APP, ERROR, PERFORMANCE, BUSINESS)
"""The streams that the emitter writes, each to its own file."""

STREAMS: Final = (*EMITTED_STREAMS, ACCESS)
"""All streams; `access` holds the access logs of web servers."""

SEVERITY_BY_LEVEL: Final = {"TRACE": 1, "DEBUG": 5, "INFO": 9, "WARNING": 13, "ERROR": 17, "CRITICAL": 21}
"""OpenTelemetry's SeverityNumber of each level; 0 where the source gives no level."""

ERROR_SEVERITY: Final = 17
"""The severity from which a record is an error."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the record."""

    key: str
    """The key in the JSON line."""
    column: str
    """The column of `events`."""
    sql_type: str
    """DuckDB's type of the column."""


def _same(sql_type: str, *names: str) -> tuple[Field, ...]:
    return tuple(Field(name, name, sql_type) for name in names)


FIELDS: Final[tuple[Field, ...]] = (
    Field("timestamp", "ts", "TIMESTAMPTZ"),
    *_same("VARCHAR", "level", "stream", "service", "environment", "version", "host", "logger", "event"),
    *_same("VARCHAR", "message", "template"),
    *_same("DOUBLE", "duration_ms"),
    *_same("VARCHAR", "trace_id", "span_id", "request_id", "user_id"),
    *_same("VARCHAR", "http_method", "http_route", "http_path"),
    *_same("USMALLINT", "http_status"),
    *_same("VARCHAR", "db_system", "db_statement"),
    *_same("VARCHAR", "exception_type", "exception_message", "exception_stacktrace"),
    *_same("VARCHAR", "module", "function"),
    *_same("INTEGER", "line", "process"),
    *_same("VARCHAR", "thread", "instance"),
    *_same("UBIGINT", "seq"),
)
"""The fields in the order in which a line is written. What is not among them goes to `attributes`."""

KEYS: Final = tuple(field.key for field in FIELDS)
COLUMNS: Final = tuple(field.column for field in FIELDS)

EVENT_COLUMNS: Final = (*COLUMNS, "severity", "attributes", "source_id", "source_pos", "bytes")
"""The columns of `events`, in the order in which the loader fills them."""

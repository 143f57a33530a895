"""Any other JSON lines: the spellings of loggers, frameworks and conventions, current and deprecated.

https://opentelemetry.io/docs/specs/semconv/ · https://www.elastic.co/docs/reference/ecs ·
https://cloud.google.com/logging/docs/structured-logging
"""

from collections.abc import Mapping
from typing import Final

from logpipe.ingest.formats.json_format import JsonFormat, candidates
from logpipe.ingest.formats.json_select import Candidate
from logpipe.ingest.formats.levels import opentelemetry_level_sql, python_level_sql, syslog_level_sql
from logpipe.record import FIELDS

_GCP_TRACE: Final = "nullif(regexp_extract({}, '([0-9a-f]+)$', 1), '')"
"""`projects/PROJECT/traces/ID`."""

_PATH: Final = "nullif(regexp_extract({}, '^(?:[a-z]+://[^/]*)?([^?#]*)', 1), '')"
"""The path of a URL."""


def _number(conversion: str) -> str:
    return conversion.replace("{}", "TRY_CAST({} AS INTEGER)")


def _times(factor: str) -> str:
    return f"(TRY_CAST({{}} AS DOUBLE) * {factor})::VARCHAR"


SPELLINGS: Final[Mapping[str, tuple[Candidate, ...]]] = {
    "ts": candidates(
        *("@timestamp", "time", "ts", "@t", "Timestamp", "date", "datetime", "asctime", "eventTime", "created", "t"),
        *("timestamp_ns", "Time"),
    ),
    "level": (
        *candidates("severity", "levelname", "log.level", "lvl", "@l", "Level", "severity_text", "SeverityText"),
        *candidates("loglevel", "log_level", "s"),
        Candidate("levelno", python_level_sql("{}")),
        Candidate("severity_number", opentelemetry_level_sql(_number("{}"))),
        Candidate("SeverityNumber", opentelemetry_level_sql(_number("{}"))),
        Candidate("PRIORITY", syslog_level_sql(_number("{}"))),
    ),
    "service": candidates(
        *("service.name", "resource.service.name", "resource.attributes.service.name", "Resource.service.name"),
        *("service_name", "serviceName", "app", "application", "serviceContext.service"),
    ),
    "environment": candidates(
        *("deployment.environment.name", "deployment.environment", "service.environment"),
        *("resource.deployment.environment", "env", "Environment"),
    ),
    "version": candidates("service.version", "resource.service.version", "serviceContext.version", "app_version"),
    "host": candidates("host.name", "hostname", "host.hostname", "resource.host.name", "_HOSTNAME", "MachineName"),
    "logger": candidates(
        *("log.logger", "logger_name", "loggerName", "logger.name", "otel.scope.name", "instrumentation_scope.name"),
        *("SourceContext", "category", "channel", "Logger"),
    ),
    "event": candidates("event.name", "event_name", "eventName", "event_type"),
    "message": candidates(
        "msg",
        "body",
        "@m",
        "short_message",
        "Message",
        "MESSAGE",
        "Body",
        "RenderedMessage",
        "text",
        "log",
        "fields.message",
    ),
    "template": candidates("@mt", "message_template", "MessageTemplate", "messageTemplate"),
    "duration_ms": (
        *candidates("elapsed_ms", "latency_ms", "response_time_ms", "took_ms", "responseTime", "durationMs"),
        Candidate("duration_seconds", _times("1000")),
        Candidate("duration_s", _times("1000")),
        Candidate("elapsed_seconds", _times("1000")),
        Candidate("request_time", _times("1000")),
        Candidate("http.server.request.duration", _times("1000")),
        Candidate("db.client.operation.duration", _times("1000")),
        Candidate("event.duration", _times("0.000001")),
        Candidate("httpRequest.latency", _times("1000").replace("{}", "rtrim({}, 's')")),
    ),
    "trace_id": (
        *candidates("trace.id", "traceId", "traceid", "traceID", "TraceId", "otelTraceID", "dd.trace_id", "@tr"),
        Candidate("logging.googleapis.com/trace", _GCP_TRACE),
    ),
    "span_id": candidates(
        *("span.id", "spanId", "spanid", "spanID", "SpanId", "otelSpanID", "dd.span_id", "@sp"),
        "logging.googleapis.com/spanId",
    ),
    "request_id": candidates(
        *("request.id", "requestId", "reqId", "req_id", "req.id", "http.request.id", "x_request_id", "RequestId"),
        *("correlation_id", "correlationId", "extra.request_id"),
    ),
    "user_id": candidates("user.id", "userId", "enduser.id", "usr.id", "extra.user_id"),
    "http_method": candidates(
        *("http.request.method", "http.method", "httpRequest.requestMethod", "request_method", "req.method"),
        *("request.method", "method", "verb"),
    ),
    "http_route": candidates("http.route", "route"),
    "http_path": (
        *candidates("url.path", "http.target", "request_path", "path", "uri"),
        Candidate("httpRequest.requestUrl", _PATH),
        Candidate("url.full", _PATH),
        Candidate("http.url", _PATH),
        Candidate("req.url", _PATH),
        Candidate("request.uri", _PATH),
        Candidate("request_uri", _PATH),
    ),
    "http_status": candidates(
        *("http.response.status_code", "http.status_code", "httpRequest.status", "status_code", "statusCode"),
        *(
            "res.statusCode",
            "response.status",
            "response.status_code",
            "response.statusCode",
            "response_code",
            "status",
        ),
    ),
    "db_system": candidates("db.system.name", "db.system"),
    "db_statement": candidates("db.query.text", "db.statement", "sql", "query_text"),
    "exception_type": candidates(
        *("exception.type", "error.type", "error.kind", "err.type", "error.name", "exc_type", "exception.class"),
        *("exception.exception_class", "thrown.name"),
    ),
    "exception_message": candidates(
        *("exception.message", "error.message", "err.message", "exc_value", "exception.exception_message"),
        *("thrown.message", "error", "err"),
    ),
    "exception_stacktrace": candidates(
        *("exception.stacktrace", "error.stack_trace", "error.stack", "err.stack", "stack_trace", "stackTrace"),
        *("stacktrace", "stack", "exc_info", "exc_text", "traceback", "@x", "exception", "errorVerbose", "stack_info"),
    ),
    "module": candidates("code.namespace", "code.file.path", "code.filepath", "log.origin.file.name", "pathname"),
    "function": candidates(
        *("code.function.name", "code.function", "funcName", "func_name", "log.origin.function"),
        "logging.googleapis.com/sourceLocation.function",
    ),
    "line": candidates(
        *("code.line.number", "code.lineno", "lineno", "log.origin.file.line"),
        "logging.googleapis.com/sourceLocation.line",
    ),
    "process": candidates("process.pid", "pid", "process.id", "_PID"),
    "thread": candidates("thread.name", "threadName", "thread_name", "process.thread.name", "Thread"),
}
"""By column, the foreign spellings of its key, best first. A unit that no name tells (`duration`) is not guessed."""

COLUMN_SPELLINGS: Final = {field.column: (*candidates(field.key), *SPELLINGS.get(field.column, ())) for field in FIELDS}
"""The same with our own keys, which come first."""


def spelled(**best: tuple[Candidate, ...]) -> Mapping[str, tuple[Candidate, ...]]:
    """All spellings, but for some columns others before them, which also stand in for those of the same key."""
    columns = dict(COLUMN_SPELLINGS)
    for column, first in best.items():
        taken = {candidate.path for candidate in first}
        columns[column] = (*first, *(other for other in COLUMN_SPELLINGS[column] if other.path not in taken))
    return columns


GENERIC_JSON = JsonFormat(name="json", title="JSON lines", columns=COLUMN_SPELLINGS)

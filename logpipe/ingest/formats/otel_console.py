"""OpenTelemetry's SDKs on the console, one log record an object: https://opentelemetry.io/docs/specs/otel/logs/data-model/"""

from collections.abc import Mapping

from logpipe.ingest.formats.generic_json import spelled
from logpipe.ingest.formats.json_format import JsonFormat, candidates
from logpipe.ingest.formats.json_select import Candidate


def _is_record(line: Mapping[str, object]) -> bool:
    return "body" in line and ("severity_number" in line or "severity_text" in line) and "resource" in line


def _attributes(*keys: str) -> tuple[Candidate, ...]:
    return candidates(*(("attributes", key) for key in keys))


def identifier(key: str) -> tuple[Candidate, ...]:
    """Without its prefix; all zeros is none."""
    return (Candidate(key, "CASE WHEN NOT regexp_full_match({}, '(0x)?0*') THEN regexp_replace({}, '^0x', '') END"),)


RECORD_COLUMNS = {
    "service": candidates(("resource", "attributes", "service.name")),
    "environment": candidates(
        ("resource", "attributes", "deployment.environment.name"),
        ("resource", "attributes", "deployment.environment"),
    ),
    "version": candidates(("resource", "attributes", "service.version")),
    "host": candidates(("resource", "attributes", "host.name")),
    "http_method": _attributes("http.request.method", "http.method"),
    "http_route": _attributes("http.route"),
    "http_path": _attributes("url.path", "http.target"),
    "http_status": _attributes("http.response.status_code", "http.status_code"),
    "db_system": _attributes("db.system.name", "db.system"),
    "db_statement": _attributes("db.query.text", "db.statement"),
    "user_id": _attributes("user.id", "enduser.id"),
    "exception_type": _attributes("exception.type"),
    "exception_message": _attributes("exception.message"),
    "exception_stacktrace": _attributes("exception.stacktrace"),
    "module": _attributes("code.file.path", "code.filepath", "code.namespace"),
    "function": _attributes("code.function.name", "code.function"),
    "line": _attributes("code.line.number", "code.lineno"),
    "thread": _attributes("thread.name"),
}
"""Those that a record's resource and attributes give."""

OTEL_CONSOLE = JsonFormat(
    name="otel_console",
    title="OpenTelemetry SDK on the console",
    columns=spelled(
        level=candidates("severity_text"),
        message=candidates("body"),
        event=(Candidate("event_name", "nullif({}, '')"),),
        trace_id=identifier("trace_id"),
        span_id=identifier("span_id"),
        **RECORD_COLUMNS,
    ),
    marks=_is_record,
)

"""OpenTelemetry's protocol as JSON, as the Collector's file exporter writes it: many log records a line.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding · a record is read with its resource and its scope in
it, and with its lists of keys and values as objects.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from logpipe.ingest.formats.base import Context
from logpipe.ingest.formats.generic_json import spelled
from logpipe.ingest.formats.json_format import JsonFormat, candidates
from logpipe.ingest.formats.json_select import Candidate
from logpipe.ingest.formats.levels import opentelemetry_level_sql
from logpipe.ingest.formats.otel_console import RECORD_COLUMNS, identifier
from logpipe.ingest.formats.parts import Part, elements, members, members_of_line, parts_of
from logpipe.ingest.formats.times import instant_sql

_QUOTED_INTEGER: Final = re.compile(r'"(-?(?:0|[1-9]\d*))"')

_BASE_SEVERITIES: Final = "('1', '5', '9', '13', '17', '21')"
"""The numbers that say no more than the level."""


class OtlpJson(JsonFormat):
    """A format of which a line may hold several records."""

    def parts(self, line: bytes, /) -> list[Part]:
        """See `Divided`."""
        return parts_of(_records, line)


def _records(text: str) -> Iterator[tuple[int, str]]:
    """Each record with what stands around it; one resource or scope without any, and the line is left as it is."""
    request = members_of_line(text)
    if request.keys() != {"resourceLogs"}:
        raise ValueError(text)
    for resource_logs, _ in _some(elements(text, request["resourceLogs"][0])):
        of_resource = members(text, resource_logs)
        scopes = elements(text, of_resource.pop("scopeLogs", (resource_logs, 0))[0])
        resource = _around(text, of_resource, "resource")
        for scope_logs, _ in _some(scopes):
            of_scope = members(text, scope_logs)
            records = elements(text, of_scope.pop("logRecords", (scope_logs, 0))[0])
            scope = _around(text, of_scope, "scope")
            for start, _ in _some(records):
                about = (f'"resource":{resource}', f'"scope":{scope}')
                yield start, f"{{{','.join((*about, *_told(text, members(text, start))))}}}"


def _some(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    if not found:
        raise ValueError(found)
    return found


def _around(text: str, found: dict[str, tuple[int, int]], key: str) -> str:
    """The resource or the scope, and what else was said beside it."""
    about = members(text, found.pop(key)[0]) if key in found else {}
    if about.keys() & found.keys():
        raise ValueError(key)
    return f"{{{','.join(_told(text, about | found))}}}"


def _told(text: str, found: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    """The members."""
    return (f"{json.dumps(key, ensure_ascii=False)}:{_plain(text, key, *span)}" for key, span in found.items())


def _plain(text: str, key: str, start: int, end: int) -> str:
    match key:
        case "attributes":
            return _key_values(text, start, end)
        case "body":
            return _any_value(text, start, end)
        case _:
            return text[start:end]


def _any_value(text: str, start: int, end: int) -> str:
    """An `AnyValue` as the JSON that it stands for."""
    if text[start] != "{":
        return text[start:end]
    found = members(text, start)
    if len(found) != 1:
        return text[start:end]
    [(kind, (start_of, end_of))] = found.items()
    value = text[start_of:end_of]
    match kind:
        case "stringValue" | "boolValue" | "doubleValue" | "bytesValue":
            return value
        case "intValue":
            return _QUOTED_INTEGER.sub(r"\1", value)
        case "arrayValue" | "kvlistValue" if (within := members(text, start_of)).keys() == {"values"}:
            at, until = within["values"]
            if kind == "kvlistValue":
                return _key_values(text, at, until)
            return f"[{','.join(_any_value(text, *element) for element in elements(text, at))}]"
        case _:
            return text[start:end]


def _key_values(text: str, start: int, end: int) -> str:
    """A list of `KeyValue` as an object; as it stands where that would say less."""
    if text[start] != "[":
        return text[start:end]
    told: dict[str, str] = {}
    pairs = elements(text, start)
    for at, _ in pairs:
        pair = members(text, at)
        if pair.keys() != {"key", "value"}:
            return text[start:end]
        told[text[slice(*pair["key"])]] = _any_value(text, *pair["value"])
    if len(told) < len(pairs) or not all(key.startswith('"') for key in told):
        return text[start:end]
    return f"{{{','.join(f'{key}:{value}' for key, value in told.items())}}}"


def _is_request(line: Mapping[str, object]) -> bool:
    return isinstance(line.get("resourceLogs"), list)


def _time_sql(text: str, context: Context) -> str:
    return instant_sql(f"nullif({text}, '0')", context)


OTLP_JSON = OtlpJson(
    name="otlp_json",
    title="OpenTelemetry's protocol, as JSON",
    columns=spelled(
        ts=(Candidate("timeUnixNano", _time_sql), Candidate("observedTimeUnixNano", _time_sql)),
        level=(
            *candidates("severityText"),
            Candidate("severityNumber", opentelemetry_level_sql("TRY_CAST({} AS INTEGER)"), stays=True),
        ),
        logger=candidates(("scope", "name")),
        message=candidates("body", ("body", "message"), ("body", "msg")),
        event=(Candidate("eventName", "nullif({}, '')"),),
        trace_id=identifier("traceId"),
        span_id=identifier("spanId"),
        **RECORD_COLUMNS,
    ),
    marks=_is_request,
    redundant={
        "severityNumber": f"level IS NOT NULL AND json_extract_string(json, '$.severityNumber') IN {_BASE_SEVERITIES}"
    },
)

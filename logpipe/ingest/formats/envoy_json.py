"""Envoy's access log as JSON, with its usual names: https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage"""

from collections.abc import Mapping

from logpipe.ingest.formats.generic_json import spelled
from logpipe.ingest.formats.json_format import JsonFormat, candidates
from logpipe.ingest.formats.json_select import Candidate


def _is_record(line: Mapping[str, object]) -> bool:
    return {"start_time", "response_code"} <= line.keys() and ("method" in line or ":method" in line)


_PATH = "nullif(regexp_extract({}, '^([^?#]*)', 1), '')"

ENVOY_JSON = JsonFormat(
    name="envoy_json",
    title="Envoy's access log",
    columns=spelled(
        ts=candidates("start_time"),
        stream=(Candidate("response_code", "CASE WHEN {} IS NOT NULL THEN 'access' END"),),
        http_method=candidates("method", ":method"),
        http_path=tuple(Candidate(key, _PATH) for key in ("x-envoy-origin-path", "path", ":path")),
        http_status=candidates("response_code"),
        duration_ms=candidates("duration"),
        request_id=candidates("x-request-id", "request_id"),
    ),
    marks=_is_record,
)

"""Caddy's access log: https://caddyserver.com/docs/caddyfile/directives/log"""

from collections.abc import Mapping

from logpipe.ingest.formats.generic_json import spelled
from logpipe.ingest.formats.json_format import JsonFormat
from logpipe.ingest.formats.json_select import Candidate


def _is_record(line: Mapping[str, object]) -> bool:
    request = line.get("request")
    return isinstance(request, dict) and "uri" in request and "status" in line and "duration" in line


CADDY_JSON = JsonFormat(
    name="caddy_json",
    title="Caddy's access log",
    columns=spelled(
        stream=(Candidate("request.method", "CASE WHEN {} IS NOT NULL THEN 'access' END"),),
        user_id=(Candidate("user_id", "nullif({}, '')"),),
        duration_ms=(Candidate("duration", "(TRY_CAST({} AS DOUBLE) * 1000)::VARCHAR"),),
    ),
    marks=_is_record,
)

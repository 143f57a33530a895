"""Traefik's access log as JSON: https://doc.traefik.io/traefik/observability/access-logs/"""

from collections.abc import Mapping

from logpipe.ingest.formats.generic_json import spelled
from logpipe.ingest.formats.json_format import JsonFormat, candidates
from logpipe.ingest.formats.json_select import Candidate


def _is_record(line: Mapping[str, object]) -> bool:
    return {"RequestMethod", "RequestPath"} <= line.keys() and ("DownstreamStatus" in line or "Duration" in line)


TRAEFIK_JSON = JsonFormat(
    name="traefik_json",
    title="Traefik's access log",
    columns=spelled(
        ts=candidates("StartUTC", "time"),
        stream=(Candidate("RequestMethod", "CASE WHEN {} IS NOT NULL THEN 'access' END"),),
        message=(Candidate("msg", "nullif({}, '')"),),
        http_method=candidates("RequestMethod"),
        http_path=(Candidate("RequestPath", "nullif(regexp_extract({}, '^([^?#]*)', 1), '')"),),
        http_status=candidates("DownstreamStatus"),
        duration_ms=(Candidate("Duration", "(TRY_CAST({} AS DOUBLE) / 1000000)::VARCHAR"),),
    ),
    marks=_is_record,
)

"""Cloudflare's HTTP requests (Logpush): https://developers.cloudflare.com/logs/logpush/logpush-job/datasets/zone/http_requests/"""

from collections.abc import Mapping

from logpipe.ingest.formats.generic_json import spelled
from logpipe.ingest.formats.json_format import JsonFormat, candidates
from logpipe.ingest.formats.json_select import Candidate


def _is_record(line: Mapping[str, object]) -> bool:
    return {"RayID", "ClientRequestMethod", "EdgeResponseStatus"} <= line.keys()


CLOUDFLARE = JsonFormat(
    name="cloudflare",
    title="Cloudflare HTTP requests",
    columns=spelled(
        ts=candidates("EdgeStartTimestamp"),
        stream=(Candidate("RayID", "CASE WHEN {} IS NOT NULL THEN 'access' END"),),
        http_method=candidates("ClientRequestMethod"),
        http_path=(Candidate("ClientRequestURI", "nullif(regexp_extract({}, '^([^?#]*)', 1), '')"),),
        http_status=candidates("EdgeResponseStatus"),
        request_id=candidates("RayID"),
    ),
    marks=_is_record,
)

"""Envoy's and Istio's access log in its default format.

https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#default-format-string
"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.web_errors import QUOTED, REQUEST

ENVOY = TextFormat(
    name="envoy",
    title="Envoy's and Istio's access log",
    layouts=(
        (
            rf'^\[(?P<time>\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3,9}}Z)\] "(?P<request>{REQUEST})" '
            rf"(?P<status>\d{{1,3}}) (?P<flags>\S+) "
            rf'(?P<details>(?:[\w{{}}]\S* )?(?:\S+ )?"{QUOTED}" )?(?P<received>\d+|-) (?P<size>\d+|-) (?P<took>\d+|-) '
            rf"(?P<upstream_took>\d+|-) "
            rf'"(?P<forwarded_for>{QUOTED})" "(?P<user_agent>{QUOTED})" "(?P<request_id>{QUOTED})" '
            rf'"(?P<authority>{QUOTED})" '
            rf'"(?P<upstream>{QUOTED})"(?P<rest> .*)?$'
        ),
    ),
    columns={
        "stream": "'access'",
        "message": "request",
        "http_method": '"method"',
        "http_path": "path",
        "http_status": "nullif(TRY_CAST(status AS USMALLINT), 0)",
        "duration_ms": "TRY_CAST(took AS DOUBLE)",
        "request_id": "nullif(request_id, '-')",
    },
    attributes={
        "response_flags": "nullif(flags, '-')",
        "details": "trim(details)",
        "request_size": "TRY_CAST(received AS UBIGINT)",
        "response_size": "TRY_CAST(size AS UBIGINT)",
        "upstream_ms": "TRY_CAST(upstream_took AS DOUBLE)",
        "forwarded_for": "nullif(forwarded_for, '-')",
        "user_agent": "nullif(user_agent, '-')",
        "authority": "nullif(authority, '-')",
        "upstream": "nullif(upstream, '-')",
        "query": "query",
        "protocol": "protocol",
        "rest": "trim(rest)",
    },
)

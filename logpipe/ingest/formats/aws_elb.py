"""AWS load balancers, application and classic.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/access-log-collection.html
"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.web_errors import QUOTED

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
URL = r"(?:[a-z]+://[^/\s\"]*)?(?P<path>[^?\s\"]*)(?:\?(?P<query>[^\s\"]*))?"
REQUEST = rf"(?:(?P<method>[A-Z]+) {URL} ?(?P<protocol>[\w./-]*)|{QUOTED})"

AWS_ELB = TextFormat(
    name="aws_elb",
    title="AWS load balancers, application and classic",
    layouts=(
        (
            rf"^(?:(?P<type>https?|h2|grpcs|wss?) )?(?P<time>{TIME}) (?P<balancer>\S+) (?P<client>\S+):"
            rf"(?P<client_port>\d+) (?P<target>\S+) "
            r"(?P<request_s>-?[\d.]+) (?P<target_s>-?[\d.]+) (?P<response_s>-?[\d.]+) (?P<status>\d{3}|-) "
            r"(?P<target_status>\d+|-) "
            rf'(?P<received>\d+) (?P<size>\d+) "(?P<request>{REQUEST})" "(?P<user_agent>{QUOTED})" (?P<cipher>\S+) '
            rf"(?P<tls>\S+)"
            rf'(?: (?P<target_group>\S+) "(?P<trace>{QUOTED})" (?:"(?P<domain>{QUOTED})"|-)(?P<rest> .*)?)?$'
        ),
    ),
    derived={
        "spent_s": "CASE WHEN NOT starts_with(request_s, '-') AND NOT starts_with(target_s, '-') AND NOT"
        " starts_with(response_s, '-') THEN TRY_CAST(request_s AS DOUBLE) + TRY_CAST(target_s AS DOUBLE)"
        " + TRY_CAST(response_s AS DOUBLE) END",
    },
    columns={
        "stream": "'access'",
        "message": "request",
        "http_method": "nullif(\"method\", '-')",
        "http_path": "CASE WHEN \"method\" IS NOT NULL THEN coalesce(path, '/') END",
        "http_status": "TRY_CAST(status AS USMALLINT)",
        "duration_ms": "round(spent_s * 1000, 3)",
        "trace_id": "nullif(trace, '-')",
    },
    attributes={
        "type": '"type"',
        "balancer": "balancer",
        "client_address": "client",
        "client_port": "TRY_CAST(client_port AS INTEGER)",
        "target": "nullif(target, '-')",
        "target_status": "TRY_CAST(target_status AS USMALLINT)",
        "target_ms": "CASE WHEN NOT starts_with(target_s, '-') THEN round(TRY_CAST(target_s AS DOUBLE) * 1000, 3) END",
        "request_size": "TRY_CAST(received AS UBIGINT)",
        "response_size": "TRY_CAST(size AS UBIGINT)",
        "query": "query",
        "protocol": "nullif(protocol, '-')",
        "user_agent": "nullif(user_agent, '-')",
        "tls_cipher": "nullif(cipher, '-')",
        "tls_protocol": "nullif(tls, '-')",
        "target_group": "nullif(target_group, '-')",
        "domain": "nullif(domain, '-')",
        "rest": "trim(rest)",
    },
)

"""Amazon S3's server access log: https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import ncsa_sql
from logpipe.ingest.formats.web_errors import QUOTED, REQUEST

AWS_S3 = TextFormat(
    name="aws_s3",
    title="Amazon S3's server access log",
    layouts=(
        (
            r"^(?P<owner>[0-9a-f]{64}|-) (?P<bucket>\S+) \[(?P<time>[^\]\n]+)\] (?P<client>\S+) (?P<requester>\S+) "
            r"(?P<request_id>\S+) "
            rf'(?P<operation>[A-Z][\w.]+) (?P<key>\S+) (?:"(?P<request>{REQUEST})"|-) (?P<status>\d{{3}}|-) '
            rf"(?P<error>\S+) (?P<size>\d+|-) "
            rf'(?P<object_size>\d+|-) (?P<total_ms>\d+|-) (?P<turnaround_ms>\d+|-) "(?P<referer>{QUOTED})" '
            rf'"(?P<user_agent>{QUOTED})"'
            r"(?P<rest> .*)?$"
        ),
    ),
    read_time=ncsa_sql,
    columns={
        "stream": "'access'",
        "message": "coalesce(request, operation || ' ' || \"key\")",
        "event": "operation",
        "http_method": '"method"',
        "http_path": "path",
        "http_status": "TRY_CAST(status AS USMALLINT)",
        "duration_ms": "TRY_CAST(total_ms AS DOUBLE)",
        "request_id": "nullif(request_id, '-')",
        "user_id": "nullif(requester, '-')",
    },
    attributes={
        "bucket": "bucket",
        "bucket_owner": "nullif(owner, '-')",
        "client_address": "nullif(client, '-')",
        "key": "nullif(\"key\", '-')",
        "error_code": "nullif(error, '-')",
        "response_size": "TRY_CAST(size AS UBIGINT)",
        "object_size": "TRY_CAST(object_size AS UBIGINT)",
        "turnaround_ms": "TRY_CAST(turnaround_ms AS DOUBLE)",
        "query": "query",
        "protocol": "protocol",
        "referer": "nullif(referer, '-')",
        "user_agent": "nullif(user_agent, '-')",
        "rest": "trim(rest)",
    },
)

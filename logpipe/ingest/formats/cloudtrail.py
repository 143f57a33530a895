"""AWS CloudTrail, one event a line: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference.html"""

from collections.abc import Mapping

from logpipe.ingest.formats.generic_json import spelled
from logpipe.ingest.formats.json_format import JsonFormat, candidates


def _is_record(line: Mapping[str, object]) -> bool:
    return {"eventVersion", "eventSource", "eventName", "eventTime"} <= line.keys()


CLOUDTRAIL = JsonFormat(
    name="cloudtrail",
    title="AWS CloudTrail",
    columns=spelled(
        ts=candidates("eventTime"),
        event=candidates("eventName"),
        message=candidates("errorMessage", "errorCode"),
        user_id=candidates("userIdentity.userName", "userIdentity.arn", "userIdentity.principalId"),
        request_id=candidates("requestID"),
    ),
    marks=_is_record,
)

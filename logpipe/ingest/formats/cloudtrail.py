"""AWS CloudTrail, an event a line or a whole delivery (`{"Records":[…]}`), which is one line with many events.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference.html
"""

from collections.abc import Iterator, Mapping

from logpipe.ingest.formats.generic_json import spelled
from logpipe.ingest.formats.json_format import JsonFormat, candidates
from logpipe.ingest.formats.parts import Part, elements, members_of_line, parts_of


class CloudTrail(JsonFormat):
    """A format of which a line may hold several records."""

    def parts(self, line: bytes, /) -> list[Part]:
        """See `Divided`."""
        return parts_of(_records, line) if b'"Records"' in line else []


def _records(text: str) -> Iterator[tuple[int, str]]:
    delivery = members_of_line(text)
    if delivery.keys() != {"Records"}:
        raise ValueError(text)
    for start, end in elements(text, delivery["Records"][0]):
        if text[start] != "{":
            raise ValueError(text[start:end])
        yield start, text[start:end]


def _is_record(line: Mapping[str, object]) -> bool:
    records = line.get("Records")
    event = records[0] if isinstance(records, list) and records else line
    return isinstance(event, dict) and {"eventVersion", "eventSource", "eventName", "eventTime"} <= event.keys()


CLOUDTRAIL = CloudTrail(
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

"""structlog's JSONRenderer, where `event` is the message: https://www.structlog.org/"""

from collections.abc import Mapping

from logpipe.ingest.formats.generic_json import COLUMN_SPELLINGS
from logpipe.ingest.formats.json_format import JsonFormat, candidates


def _is_record(line: Mapping[str, object]) -> bool:
    return isinstance(line.get("event"), str) and "level" in line and not {"message", "msg", "stream"} & line.keys()


STRUCTLOG_JSON = JsonFormat(
    name="structlog_json",
    title="structlog's JSON renderer",
    columns={**COLUMN_SPELLINGS, "message": candidates("event"), "event": candidates("event_name", "event.name")},
    marks=_is_record,
)

"""Elastic Common Schema: https://www.elastic.co/docs/reference/ecs"""

from collections.abc import Mapping

from logpipe.ingest.formats.generic_json import spelled
from logpipe.ingest.formats.json_format import JsonFormat, candidates


def _is_record(line: Mapping[str, object]) -> bool:
    ecs = line.get("ecs")
    return "@timestamp" in line and ("ecs.version" in line or (isinstance(ecs, dict) and "version" in ecs))


ECS_JSON = JsonFormat(
    name="ecs_json",
    title="Elastic Common Schema",
    columns=spelled(ts=candidates("@timestamp"), level=candidates("log.level"), message=candidates("message")),
    marks=_is_record,
)

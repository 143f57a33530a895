"""Docker's json-file driver: each line of a container's output in an object of its own.

https://docs.docker.com/engine/logging/drivers/json-file/
"""

from collections.abc import Mapping

from logpipe.ingest.formats.json_format import JsonFormat, candidates
from logpipe.ingest.formats.json_select import Candidate


def _is_record(line: Mapping[str, object]) -> bool:
    return {"log", "stream", "time"} <= line.keys() and line["stream"] in {"stdout", "stderr"}


DOCKER_JSON = JsonFormat(
    name="docker_json",
    title="Docker's json-file",
    columns={"ts": candidates("time"), "message": (Candidate("log", "rtrim({}, chr(13) || chr(10))"),)},
    marks=_is_record,
    redundant={"log": "message"},
)

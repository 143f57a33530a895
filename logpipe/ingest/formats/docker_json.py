"""Docker's json-file driver: each line of a container's output in an object of its own, a long line in several.

https://docs.docker.com/engine/logging/drivers/json-file/
"""

from collections.abc import Mapping
from typing import Final

from logpipe.ingest.formats.json_format import JsonFormat, candidates
from logpipe.ingest.formats.json_select import Candidate
from logpipe.ingest.formats.wrapped import Wrapped, around_text

_KEYS: Final = {"log", "stream", "time", "attrs"}
_WHOLE: Final = "'\\n\"'"
"""A newline before the quote that ends a text: of a text that goes on, no quote stands there without a backslash."""


class DockerJson(JsonFormat):
    """The wrapper."""

    def carried(self, line: str, /) -> str:
        """See `Wrapper`."""
        return f"json_extract_string(CASE WHEN json_valid({line}) THEN {line} END, '$.log')"

    def around(self, line: str, /) -> str:
        """See `Wrapper`."""
        return around_text(line, "log", "time")

    def continues(self, line: str, before: str, /) -> str | None:
        """See `Format`: a text without its newline goes on in the next object that is alike but for its time."""
        both = " AND ".join(f"contains({text}, '\"log\"')" for text in (line, before))
        return f"{both} AND NOT contains({before}, {_WHOLE}) AND {self.around(line)} = {self.around(before)}"


def _is_record(line: Mapping[str, object]) -> bool:
    return isinstance(line.get("log"), str) and line.keys() <= _KEYS


DOCKER_JSON = Wrapped(
    DockerJson(
        name="docker_json",
        title="Docker's json-file",
        columns={"ts": candidates("time"), "message": (Candidate("log", "rtrim({}, chr(13) || chr(10))"),)},
        marks=_is_record,
        redundant={"log": "message IS NOT NULL"},
    )
)

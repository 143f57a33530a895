"""python-json-logger: https://nhairs.github.io/python-json-logger/"""

from collections.abc import Mapping

from logpipe.ingest.formats.generic_json import COLUMN_SPELLINGS
from logpipe.ingest.formats.json_format import JsonFormat, candidates


def _is_record(line: Mapping[str, object]) -> bool:
    """Attributes of a LogRecord under their own names, of which `name` would mean anything elsewhere."""
    named = isinstance(line.get("name"), str) and "message" in line
    return named and ("levelname" in line or "asctime" in line or ("level" in line and "timestamp" in line))


PYTHON_JSON_LOGGER = JsonFormat(
    name="python_json_logger",
    title="python-json-logger",
    columns={**COLUMN_SPELLINGS, "logger": (*COLUMN_SPELLINGS["logger"], *candidates("name"))},
    marks=_is_record,
)

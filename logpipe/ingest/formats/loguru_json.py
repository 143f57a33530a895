"""loguru with `serialize=True`: https://loguru.readthedocs.io/"""

from collections.abc import Mapping

from logpipe.ingest.formats.json_format import JsonFormat, candidates
from logpipe.ingest.formats.json_select import Candidate
from logpipe.ingest.formats.traceback import HEADER, traceback_sql
from logpipe.record import FIELDS


def _is_record(line: Mapping[str, object]) -> bool:
    record = line.get("record")
    return "text" in line and isinstance(record, dict) and "message" in record


_OF_RECORD = {
    "ts": candidates("record.time.repr", "record.time.timestamp"),
    "level": candidates("record.level.name"),
    "logger": candidates("record.name"),
    "message": candidates("record.message"),
    "exception_type": candidates("record.exception.type"),
    "exception_message": candidates("record.exception.value"),
    "exception_stacktrace": (Candidate("text", traceback_sql("{}")),),
    "module": candidates("record.module"),
    "function": candidates("record.function"),
    "line": candidates("record.line"),
    "process": candidates("record.process.id"),
    "thread": candidates("record.thread.name"),
}

_NO_EXCEPTION = "coalesce(json_type(json, '$.record.exception'), 'NULL') = 'NULL'"
_TEXT = "json_extract_string(json, '$.text')"
_BEFORE_HEADER = f"substr({_TEXT}, 1, strpos({_TEXT}, '{HEADER}') - 1)"
_BEFORE_TRACEBACK = rf"regexp_replace({_BEFORE_HEADER}, '  \+ Exception Group $', '')"

LOGURU_JSON = JsonFormat(
    name="loguru_json",
    title="loguru, serialized",
    columns={
        field.column: (*_OF_RECORD.get(field.column, ()), *candidates(f"record.extra.{field.key}")) for field in FIELDS
    },
    marks=_is_record,
    redundant={
        "text": f"message IS NOT NULL AND ({_NO_EXCEPTION} OR ends_with({_BEFORE_TRACEBACK}, message || chr(10)))",
        "record.time.timestamp": "ts IS NOT NULL AND json_type(json, '$.record.time.timestamp') <> 'VARCHAR'",
        "record.level.no": "level IS NOT NULL AND json_extract_string(json, '$.record.level.no') IN"
        " ('5', '10', '20', '25', '30', '40', '50')",
        "record.level.icon": "level IS NOT NULL AND length(json_extract_string(json, '$.record.level.icon')) <= 2",
    },
)

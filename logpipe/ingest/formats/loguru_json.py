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
_WITHOUT_TRACEBACK = f"CASE WHEN {_NO_EXCEPTION} THEN {_TEXT} ELSE {_BEFORE_TRACEBACK} END"


def _of(path: str) -> str:
    return f"json_extract_string(json, '$.record.{path}')"


_REPR = _of("time.repr")
_TIME = f"CASE WHEN {_REPR}[20:20] = '.' THEN {_REPR}[:23] ELSE {_REPR}[:19] || '.000' END"
_FORMATTED = (
    f"concat({_TIME}, ' | ', {_of('level.name')}, repeat(' ', 8 - length({_of('level.name')})), ' | ',"
    f" {_of('name')}, ':', {_of('function')}, ':', {_of('line')}, ' - ', {_of('message')}, chr(10))"
)
_IS_RECORD_ONCE_MORE = f"message IS NOT NULL AND {_WITHOUT_TRACEBACK} = {_FORMATTED}"
"""Whether `text` is what loguru's own format makes of the record; another one may say more, and stays."""

LOGURU_JSON = JsonFormat(
    name="loguru_json",
    title="loguru, serialized",
    columns={
        field.column: (*_OF_RECORD.get(field.column, ()), *candidates(f"record.extra.{field.key}")) for field in FIELDS
    },
    marks=_is_record,
    redundant={
        "text": _IS_RECORD_ONCE_MORE,
        "record.time.timestamp": "ts IS NOT NULL AND json_type(json, '$.record.time.timestamp') <> 'VARCHAR'",
        "record.level.no": "level IS NOT NULL AND json_extract_string(json, '$.record.level.no') IN"
        " ('5', '10', '20', '25', '30', '40', '50')",
        "record.level.icon": "level IS NOT NULL AND length(json_extract_string(json, '$.record.level.icon')) <= 2",
    },
)

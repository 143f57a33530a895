"""PostgreSQL's jsonlog, and the same inside the records of CloudNativePG.

https://www.postgresql.org/docs/current/runtime-config-logging.html#RUNTIME-CONFIG-LOGGING-JSONLOG
"""

from collections.abc import Mapping
from typing import Final

from logpipe.ingest.formats.generic_json import spelled
from logpipe.ingest.formats.json_format import JsonFormat
from logpipe.ingest.formats.json_select import Candidate
from logpipe.ingest.formats.times import TimeSql, abbreviated_zone_sql

TIMED: Final = r"(?s)^duration: ([\d.]+) ms(?:  (?:(?:statement|execute)[^:]*|plan): ?.*)?$"
LOGGED: Final = r"(?s)^(?:duration: [\d.]+ ms  )?(?:statement|execute[^:]*): (.*)$"
"""What a message says of a statement; the times of `parse` and `bind` are not those of the query."""

_PLAN: Final = r"(?s)^duration: [\d.]+ ms  plan:\s*"
_PLAN_TEXT: Final = (
    rf"{_PLAN}Query Text: (.*?)(?:\nQuery Parameters: [^\n]*)?(?:\n[A-Z][^\n]*  \((?:cost=|actual |never )|$)"
)
_PLAN_JSON: Final = rf'{_PLAN}\{{\s*"Query Text": ("(?:[^"\\]|\\.)*")'


def explained_sql(message: str) -> str:
    """The query of a plan that auto_explain wrote as text or JSON.

    https://www.postgresql.org/docs/current/auto-explain.html
    """
    quoted = f"nullif(regexp_extract({message}, '{_PLAN_JSON}', 1), '')"
    in_json = f"CASE WHEN json_valid({quoted}) THEN json_extract_string({quoted}, '$') END"
    plan = f"coalesce(nullif(regexp_extract({message}, '{_PLAN_TEXT}', 1), ''), {in_json})"
    return f"CASE WHEN contains({message}, ' plan:') THEN {plan} END"


def _is_record(line: Mapping[str, object]) -> bool:
    record = line.get("record", line)
    return isinstance(record, dict) and "error_severity" in record and "message" in record


def _candidates(key: str, reading: str | TimeSql | None = None) -> tuple[Candidate, ...]:
    return tuple(Candidate(place, reading) for place in ((key,), ("record", key)))


POSTGRESQL_JSON = JsonFormat(
    name="postgresql_json",
    title="PostgreSQL jsonlog, CloudNativePG",
    columns=spelled(
        ts=(Candidate(("record", "log_time"), abbreviated_zone_sql), Candidate("timestamp", abbreviated_zone_sql)),
        level=_candidates("error_severity"),
        message=_candidates("message"),
        process=(*_candidates("pid"), *_candidates("process_id")),
        duration_ms=_candidates("message", f"nullif(regexp_extract({{}}, '{TIMED}', 1), '')"),
        db_statement=(
            *_candidates("statement"),
            *_candidates("query"),
            *_candidates(
                "message", f"coalesce(nullif(regexp_extract({{}}, '{LOGGED}', 1), ''), {explained_sql('{}')})"
            ),
        ),
        db_system=_candidates("error_severity", "CASE WHEN {} IS NOT NULL THEN 'postgresql' END"),
        stream=_candidates("message", f"CASE WHEN regexp_matches({{}}, '{TIMED}') THEN 'performance' END"),
    ),
    marks=_is_record,
)

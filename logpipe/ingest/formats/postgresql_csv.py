"""PostgreSQL's csvlog: 23 to 26 columns in CSV, whose texts may span lines.

https://www.postgresql.org/docs/current/runtime-config-logging.html#RUNTIME-CONFIG-LOGGING-CSVLOG
"""

import re
from collections.abc import Sequence
from typing import Final

from logpipe.ingest.formats.levels import level_sql
from logpipe.ingest.formats.postgresql import SEVERITIES
from logpipe.ingest.formats.postgresql_json import LOGGED, TIMED, explained_sql
from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import abbreviated_zone_sql

_TIME: Final = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [A-Za-z+-][\w+:-]*"
_FIELD: Final = r'(?:"(?s:(?:[^"]|"")*)"|[^",\n]*)'

_COLUMNS: Final = (
    *("time", "user_name", "database_name", "process_id", "connection_from", "session_id", "session_line_num"),
    *("command_tag", "session_start_time", "virtual_transaction_id", "transaction_id", "error_severity"),
    *("sql_state_code", "text", "detail", "hint", "internal_query", "internal_query_pos", "context", "query"),
    *("query_pos", "location", "application_name", "backend_type", "leader_pid", "query_id"),
)
"""As PostgreSQL names them; the last three came with versions 13 and 14."""


def _column(name: str) -> str:
    field = f"fields[{_COLUMNS.index(name) + 1}]"
    return (
        f"nullif(CASE WHEN starts_with({field}, '\"') THEN replace({field}[2:-2], '\"\"', '\"') ELSE {field} END, '')"
    )


_BEGINS: Final = re.compile(rf'"?{_TIME}"?,.*,(?:{SEVERITIES}),[0-9A-Z]{{5}},')


class PostgresqlCsv(TextFormat):
    """A text in quotes may go on over lines of any look."""

    def claims(self, lines: Sequence[str]) -> float:
        """See `Format`: all behind the first record."""
        first = next((index for index, line in enumerate(lines) if _BEGINS.match(line)), len(lines))
        return 1.0 - first / len(lines) if lines else 0.0


POSTGRESQL_CSV = PostgresqlCsv(
    name="postgresql_csv",
    title="PostgreSQL csvlog",
    start=rf'^"?{_TIME}"?,',
    layouts=(rf'^"?(?P<time>{_TIME})"?(?P<behind>(?:,{_FIELD}){{22,25}})$',),
    read_time=abbreviated_zone_sql,
    derived={
        "fields": f"list_prepend('', regexp_extract_all(behind, ',({_FIELD})', 1))",
        **{f"column_{name}": _column(name) for name in _COLUMNS[1:]},
        "spent_ms": f"TRY_CAST(nullif(regexp_extract(column_text, '{TIMED}', 1), '') AS DOUBLE)",
    },
    columns={
        "level": level_sql("column_error_severity"),
        "message": "column_text",
        "stream": "CASE WHEN spent_ms IS NOT NULL THEN 'performance' END",
        "duration_ms": "spent_ms",
        "db_statement": f"coalesce(column_query, nullif(regexp_extract(column_text, '{LOGGED}', 1), ''),"
        f" {explained_sql('column_text')})",
        "db_system": "CASE WHEN behind IS NOT NULL THEN 'postgresql' END",
        "process": "TRY_CAST(column_process_id AS INTEGER)",
    },
    attributes={
        **{
            name: f"column_{name}"
            for name in _COLUMNS[1:]
            if name not in ("process_id", "error_severity", "text", "query")
        },
        "process": "CASE WHEN TRY_CAST(column_process_id AS INTEGER)::VARCHAR IS DISTINCT FROM column_process_id"
        " THEN column_process_id END",
        "kind": "CASE WHEN column_error_severity NOT IN ('ERROR', 'WARNING', 'INFO') THEN column_error_severity END",
    },
)

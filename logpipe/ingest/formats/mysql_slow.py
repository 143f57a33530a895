"""The slow query log of MySQL, MariaDB and Percona Server: comment lines with figures, then the statement.

https://dev.mysql.com/doc/refman/8.4/en/slow-query-log.html
"""

import re
from collections.abc import Sequence
from typing import Final

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import iso_sql, one_of, strptime
from logpipe.ingest.scanning.scanner import scan_slow

_STARTED: Final = r"\S+, Version: .*|Tcp port: .*|Time +Id +Command +Argument"
_HEAD: Final = rf"# Time: |# User@Host: |{_STARTED}"

_TIME: Final = r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)?|\d{6} +\d?\d:\d\d:\d\d"

_COMMENT: Final = r"#[^\n]*(?:\n|$)"
_STAMP: Final = r"(?i)(?:^|\n)\s*SET (?:(?:last_insert_id|insert_id)=\d+,)*timestamp=(\d{9,10})\b"

_PLAIN_HEAD: Final = (
    rf"(?:# Time: +(?:{_TIME})\n)?"
    r"(?:# User@Host: [^\[\s]*\[[^\]\s]*\] @ [^\s\[]* *\[[^\]\s]*\](?: +Id: +\d+)?\n)?"
    r"(?:# Thread_id: \d+ +Schema: \S* +QC_hit: No\n)?"
    r"# Query_time: [\d.]+ +Lock_time: [\d.]+ +Rows_sent: \d+ +Rows_examined: \d+(?: +Rows_affected: \d+)? *\n?"
    r"(?:# Rows_affected: \d+ +Bytes_sent: \d+ *\n?)?"
    r"(?:# administrator command: [^;\n]*;?\n?)?"
)
"""Of which each part has a column or an attribute of its own."""

_COMMAND: Final = r"# administrator command: ([^;\n]*)"

_SETTINGS: Final = (
    r"(?i)^(?:\s*(?:use [^;\n]*|SET (?:(?:last_insert_id|insert_id|timestamp)=\d+,?)+)\s*;\s*(?:\n|$))*\s*"
)
"""What the server puts in front of a statement so that the log can be replayed."""


_HEADS: Final = re.compile(r"# Time: +\d|# User@Host: .*\[")
_FIGURES: Final = re.compile(r"# .*\bQuery_time: +\d")


def _figure(name: str) -> str:
    return f"TRY_CAST(nullif(regexp_extract(head, '\\b{name}: +([\\d.]+)', 1), '') AS DOUBLE)"


def _word(name: str) -> str:
    return f"nullif(regexp_extract(head, '\\b{name}: +([^\\s#:]+)(?:\\s|$)', 1), '')"


_USER: Final = r"nullif(regexp_extract(head, 'User@Host: ([^\[\s]*)\[', 1), '')"
_OTHER_USER: Final = r"nullif(regexp_extract(head, 'User@Host: [^\[\s]*\[([^\]]*)', 1), '')"


class MysqlSlow(TextFormat):
    """A record begins with its time or, where that is the time of the record before it, with its user."""

    def claims(self, lines: Sequence[str]) -> float:
        """See `Format`: what stands behind the first head is the log's, whatever its statements look like."""
        heads = [index for index, line in enumerate(lines) if _HEADS.match(line)]
        if not heads:
            return 0.0
        return 1.0 if any(_FIGURES.match(line) for line in lines) else 1.0 - heads[0] / len(lines)

    def continues(self, line: str, before: str, /) -> str | None:
        """See `Format`."""
        told = f"regexp_matches({line}, '^# User@Host') AND regexp_matches({before}, '^# Time: [^#]*$')"
        return f"{super().continues(line, before)} OR ({told})"


MYSQL_SLOW = MysqlSlow(
    name="mysql_slow",
    title="MySQL's slow query log",
    start=rf"^(?:{_HEAD})",
    layouts=(
        rf"^(?P<head>(?:# Time: +(?P<time>{_TIME})[^\n]*(?:\n|$)|{_COMMENT})(?:{_COMMENT})*)(?P<sql>(?s:.*))$",
        rf"^(?P<started>{_STARTED})$",
    ),
    read_time=one_of(iso_sql, strptime("%y%m%d %H:%M:%S")),
    derived={
        "seconds": f"TRY_CAST(nullif(regexp_extract(sql, '{_STAMP}', 1), '') AS BIGINT)",
        "started_at": "make_timestamptz(seconds * 1000000)",
        "spent_s": _figure("Query_time"),
        "command": f"nullif(regexp_extract(raw, '{_COMMAND}', 1), '')",
        "own": rf"nullif(rtrim(trim(regexp_replace(sql, '{_SETTINGS}(?:{_COMMAND};?)?', '')), ';' || chr(10)), '')",
        "statement": "coalesce(own, 'administrator command: ' || command)",
    },
    columns={
        "ts": "coalesce(CASE WHEN \"time\" LIKE '%T%' THEN read_time END, started_at, read_time)",
        "message": "coalesce(started, nullif(trim(sql, chr(10)), ''), command, raw)",
        "stream": "CASE WHEN spent_s IS NOT NULL THEN 'performance' END",
        "duration_ms": "round(spent_s * 1000, 6)",
        "db_system": "CASE WHEN head IS NOT NULL THEN 'mysql' END",
        "db_statement": "statement",
    },
    attributes={
        "db_user": f"coalesce({_USER}, {_OTHER_USER})",
        "client_address": r"coalesce(nullif(regexp_extract(head, '@ \S* *\[([^\]]+)\]', 1), ''),"
        r" nullif(regexp_extract(head, '@ +([^\s\[]+)', 1), ''))",
        "client_host": r"nullif(regexp_extract(head, '@ +([^\s\[]+) +\[[^\]]+\]', 1), '')",
        "db_name": f"coalesce({_word('Schema')}, nullif(regexp_extract(sql, '(?i)^\\s*use `?([^`;]+)', 1), ''))",
        "connection_id": f"coalesce({_word('Id')}, {_word('Thread_id')})",
        "lock_ms": f"round({_figure('Lock_time')} * 1000, 6)",
        "rows_sent": f"TRY_CAST({_figure('Rows_sent')} AS BIGINT)",
        "rows_examined": f"TRY_CAST({_figure('Rows_examined')} AS BIGINT)",
        "rows_affected": f"TRY_CAST({_figure('Rows_affected')} AS BIGINT)",
        "bytes_sent": f"TRY_CAST({_figure('Bytes_sent')} AS BIGINT)",
        "command": f"CASE WHEN trim(sql, chr(10)) <> '' THEN nullif(regexp_extract(head, '{_COMMAND}', 1), '') END",
        "figures": f"CASE WHEN NOT regexp_full_match(head, '{_PLAIN_HEAD}') OR {_USER} <> coalesce({_OTHER_USER}, '')"
        " THEN trim(head, chr(10)) END",
    },
    scan=scan_slow,
)

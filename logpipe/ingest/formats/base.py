"""What a format is: a way to claim lines, to join them into records, and to select the columns of `events` from them.

The loader hands a format the relation `lines`:

    lines(pos UBIGINT, bytes UINTEGER, raw VARCHAR)

one row a record, already joined where the format spans lines: `pos` is the byte at which the record begins, `bytes` its
length with newlines, `raw` its text without the last newline and without a trailing carriage return. `raw` is valid
UTF-8, never blank, has no byte-order mark and no NUL run in front.

A format answers with one SELECT over `lines` that yields, for each row of it, the columns of
`logpipe.record.COLUMNS`, then `attributes`, `pos`, `bytes` and `reason`. A NULL `ts` is filled by the loader (the time
of the record before it in the file, flagged in `attributes` as `time_inferred`); `severity` follows from `level`;
`service` and `stream` fall back to the source's service and to `error` or `app` by severity. A `reason` that is not
NULL makes the row a reject, whole, with that reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, runtime_checkable

import duckdb

from logpipe.ingest.scanning.scanner import Scanner
from logpipe.record import FIELDS

SQL_TYPES: Final = {field.column: field.sql_type for field in FIELDS}
"""The type of each column of the record."""


@dataclass(frozen=True, slots=True)
class Context:
    """What the lines of a source do not say."""

    modified_at: datetime
    """When the file was last written (UTC): tells the year of a syslog line."""
    time_zone: str = "UTC"
    """The zone of times that name none."""
    header: str | None = None
    """Of a `Headed` format, the last line before the lines in hand that says how they are to be read."""


class Format(Protocol):
    """One log format; see the module's text for what `select` must yield."""

    @property
    def name(self) -> str:
        """As given to `--format`, in snake_case."""

    @property
    def title(self) -> str:
        """A few words for people."""

    def continues(self, _line: str, _before: str, /) -> str | None:
        """SQL, over those of a line and of the line before it, of whether it goes on with the record of that one.

        None where a line is a record.
        """

    @property
    def scan(self) -> Scanner | None:
        """A faster way for plain lines, which says the same of them as `select`; it leaves the others out."""

    def claims(self, lines: Sequence[str]) -> float:
        """The share of sample lines, 0 to 1, that are of this format (continuation lines of a claimed record count)."""

    def select(self, _connection: duckdb.DuckDBPyConnection, _context: Context, /) -> str:
        """The SELECT over `lines`, which the connection already sees."""


@runtime_checkable
class Headed(Format, Protocol):
    """A format in which some lines say how those after them are to be read."""

    @property
    def header(self) -> str:
        """RE2 pattern of such a line; it is an event, whose message is the line."""


def text_literal(text: str) -> str:
    """An SQL string literal; DuckDB's parser ends at a NUL."""
    return "'" + text.replace("'", "''").replace("\0", "' || chr(0) || '") + "'"


def json_object(members: Mapping[str, str]) -> str:
    """SQL for a JSON object of the members (key to SQL expression) that are not NULL; NULL when all are.

    Expressions may be VARCHAR, numbers or JSON.
    """
    if not members:
        return "NULL::JSON"
    parts = ", ".join(
        f"{text_literal(chr(34) + key + chr(34) + ':')} || to_json({sql})::VARCHAR" for key, sql in members.items()
    )
    return f"nullif('{{' || concat_ws(',', {parts}) || '}}', '{{}}')::JSON"

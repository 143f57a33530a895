"""The relation `lines`, made from text as the loader makes it, and a format's SELECT over it."""

import json
from datetime import UTC, datetime
from functools import cache

import duckdb
import pyarrow as pa

from logpipe.ingest.formats import Context, Format
from logpipe.ingest.loading.convert import which_begin
from logpipe.ingest.loading.prepare import prepared
from logpipe.ingest.scanning import lines

Event = dict[str, object]

CONTEXT = Context(modified_at=datetime(2026, 3, 14, 12, 0, tzinfo=UTC))


def records(text: str, format_: Format) -> list[tuple[int, int, str]]:
    """(pos, bytes, raw) of each record, split and joined as an ingest does it."""
    return list(zip(*_table(text, format_).to_pydict().values(), strict=True))


def select(format_: Format, text: str, context: Context = CONTEXT) -> list[Event]:
    """The rows that a format makes of a text: what is not NULL, by column; `ts` in ISO 8601, `attributes` parsed."""
    connection = _connection()
    connection.register("lines", _table(text, format_))
    statement = format_.select(connection, context)
    iso = "strftime(ts AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')"
    cursor = connection.execute(f"SELECT * REPLACE ({iso} AS ts) FROM ({statement}) ORDER BY pos")
    names = [column[0] for column in cursor.description or ()]
    return [_present(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    """One for all tests: making it takes as long as most of what is asked of it."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET threads = 1")
    connection.execute("SET disabled_optimizers = 'join_filter_pushdown,in_clause'")  # as a Converter's
    return connection


def _table(text: str, format_: Format) -> pa.Table:
    found = lines.split(memoryview(text.encode()), at_start=True)
    begins = which_begin(_connection(), found, format_) if len(found.starts) else None
    if begins is not None:
        found = lines.join(found, begins)
    [records] = prepared(found, format_)
    return records.table(0)


def _present(row: Event) -> Event:
    event = {name: value for name, value in row.items() if value is not None}
    if isinstance(text := event.get("attributes"), str):
        event["attributes"] = json.loads(text)
    return event

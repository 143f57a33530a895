"""The relation `lines`, made from text as the loader makes it, and a format's SELECT over it."""

import json
import re
from datetime import UTC, datetime

import duckdb
import pyarrow as pa

from logpipe.ingest.formats import Context, Format
from logpipe.ingest.formats.text_format import uncoloured

Event = dict[str, object]

CONTEXT = Context(modified_at=datetime(2026, 3, 14, 12, 0, tzinfo=UTC))


def records(text: str, start: str | None) -> list[tuple[int, int, str]]:
    """(pos, bytes, raw) of each record: no blank lines; lines that do not match `start` joined to the one before."""
    begins = re.compile(start, re.ASCII) if start else None
    found: list[tuple[int, int, str]] = []
    position = 0
    for line in text.split("\n"):
        pos, position = position, position + len(line.encode()) + 1
        raw = line.removesuffix("\r").lstrip("\ufeff\0")
        if not raw.strip():
            continue
        if begins and found and not begins.search(uncoloured(raw)):
            first, _, before = found.pop()
            found.append((first, position - first, f"{before}\n{raw}"))
        else:
            found.append((pos, position - pos, raw))
    return found


def select(format_: Format, text: str, context: Context = CONTEXT) -> list[Event]:
    """The rows that a format makes of a text: what is not NULL, by column; `ts` in ISO 8601, `attributes` parsed."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET threads = 1")
        connection.register("lines", _table(records(text, format_.start)))
        statement = format_.select(connection, context)
        iso = "strftime(ts AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')"
        cursor = connection.execute(f"SELECT * REPLACE ({iso} AS ts) FROM ({statement}) ORDER BY pos")
        names = [column[0] for column in cursor.description or ()]
        return [_present(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def _table(found: list[tuple[int, int, str]]) -> pa.Table:
    columns = zip(*found, strict=True) if found else ((), (), ())
    types = (pa.uint64(), pa.uint32(), pa.string())
    return pa.table(
        [pa.array(column, type_) for column, type_ in zip(columns, types, strict=True)], names=["pos", "bytes", "raw"]
    )


def _present(row: Event) -> Event:
    event = {name: value for name, value in row.items() if value is not None}
    if isinstance(text := event.get("attributes"), str):
        event["attributes"] = json.loads(text)
    return event

"""Rows out as CSV, JSON lines, Markdown or Parquet: batch by batch, in bounded memory, a million short rows a second.

The engine makes the lines: each batch becomes one column of text that ends in newlines, and the bytes of an Arrow text
column lie one behind the other, so they go out in one write.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

import duckdb
import orjson
import pyarrow as pa

from logpipe.cli.options import Format
from logpipe.cli.output import harmless
from logpipe.errors import QueryError
from logpipe.store.database import ROW_GROUP
from logpipe.store.literals import literal
from logpipe.store.reading import BATCH_ROWS, Result

_MACROS: Final = r"""
CREATE MACRO rfc3339(moment, zone) AS
    regexp_replace(strftime(moment::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%f' || zone), '\.000000(Z?)$', '\1');
CREATE MACRO csv_cell(cell, nothing) AS
    CASE
        WHEN cell IS NULL THEN nothing
        WHEN cell = '' OR regexp_matches(cell, '[",\r\n]') THEN '"' || replace(cell, '"', '""') || '"'
        ELSE cell
    END;
CREATE MACRO markdown_cell(cell) AS
    regexp_replace(regexp_replace(coalesce(cell, ''), '[\\|<]', '\\\0', 'g'), '[\r\n]+', ' ', 'g');
"""

_ROW_GROUP_BYTES: Final = 64 << 20


def write(result: Result, form: Format, out: BinaryIO) -> int:
    """Write all rows of `result` and return their number. On a terminal, control characters are replaced.

    Raises:
        QueryError: the statement failed while its rows were read.
    """
    if form is Format.PARQUET:
        return _write_parquet(result, out)
    names = _unique(result.schema.names)
    head, line = _LINES[form](names, _columns(result))
    terminal = out.isatty()
    out.write(_safe(head.encode()) if terminal else head.encode())
    out.flush()
    rows = 0
    for lines in _text(result, [line]):
        data = _joined(lines.column(0))
        out.write(_safe(data) if terminal else data)
        out.flush()
        rows += lines.num_rows
    return rows


def cells(result: Result) -> Iterator[list[tuple[str | None, ...]]]:
    """The rows as text, a list a batch: exact figures, times as RFC 3339, nested values as JSON."""
    texts = [column.text for column in _columns(result)]
    for batch in _text(result, texts):
        yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def values(result: Result) -> Iterator[list[tuple[object, ...]]]:
    """The rows as Python values, a list a batch; times without their zone, which is UTC."""
    for batch in result.batches:
        yield list(zip(*(_without_zone(column).to_pylist() for column in batch.columns), strict=True))


def is_number(kind: pa.DataType) -> bool:
    """Whether a column stands to the right in a table."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


class _Column:
    """SQL for the values of one column of a batch, which is called c0, c1 …"""

    def __init__(self, index: int, kind: pa.DataType, *, is_json: bool) -> None:
        self.value = f"c{index}"
        self.is_number = is_number(kind)
        self.is_plain = self.is_number or bool(pa.types.is_boolean(kind) or pa.types.is_date(kind))
        self.text = self._text(kind)
        self.json = self._json(kind, is_json=is_json or bool(pa.types.is_nested(kind)))

    def _text(self, kind: pa.DataType) -> str:
        if pa.types.is_timestamp(kind):
            return f"rfc3339({self.value}, '{'Z' if kind.tz else ''}')"
        return f"{self.value}::VARCHAR"

    def _json(self, kind: pa.DataType, *, is_json: bool) -> str:
        if is_json:
            return f"{self.value}::JSON"
        if pa.types.is_floating(kind):
            return f"CASE WHEN isfinite({self.value}) THEN {self.value} END"  # JSON has no NaN and no infinity
        return self.value if self.is_number or pa.types.is_boolean(kind) else self.text


def _columns(result: Result) -> list[_Column]:
    return [
        _Column(index, field.type, is_json=index in result.json_columns) for index, field in enumerate(result.schema)
    ]


def _csv(names: list[str], columns: list[_Column]) -> tuple[str, str]:
    """RFC 4180 with newlines alone; NULL is nothing and the empty text is "", which one column alone cannot tell."""
    null = "'\"\"'" if len(columns) == 1 else "''"
    values = [
        f"coalesce({column.text}, {null})" if column.is_plain else f"csv_cell({column.text}, {null})"
        for column in columns
    ]
    quoted = ['"' + name.replace('"', '""') + '"' if re.search('[",\r\n]', name) else name for name in names]
    return ",".join(quoted) + "\n", " || ',' || ".join(values) + " || chr(10)"


def _json(names: list[str], columns: list[_Column]) -> tuple[str, str]:
    members = ", ".join(f"{literal(name)}, {column.json}" for name, column in zip(names, columns, strict=True))
    return "", f"json_object({members})::VARCHAR || chr(10)"


def _markdown(names: list[str], columns: list[_Column]) -> tuple[str, str]:
    """A GitHub table: what would end a cell or begin a tag is escaped, a line break is a blank."""
    values = [f"markdown_cell({column.text})" for column in columns]
    title = "| " + " | ".join(re.sub(r"[\r\n]+", " ", re.sub(r"[\\|<]", r"\\\g<0>", name)) for name in names) + " |\n"
    rule = "| " + " | ".join("---:" if column.is_number else "---" for column in columns) + " |\n"
    return title + rule, "'| ' || " + " || ' | ' || ".join(values) + " || ' |' || chr(10)"


_LINES = {Format.CSV: _csv, Format.JSON: _json, Format.MARKDOWN: _markdown}


def _text(result: Result, expressions: list[str]) -> Iterator[pa.Table]:
    """The expressions over each batch, whose columns are c0, c1 …"""
    select = "SELECT " + ", ".join(expressions) + " FROM batch"
    names = [f"c{index}" for index in range(len(result.schema))]
    with duckdb.connect(":memory:", config={"threads": 1}) as scratch:
        scratch.execute("SET TimeZone = 'UTC'")
        scratch.execute(_MACROS)
        for batch in result.batches:
            columns = [_flat(_without_zone(column)) for column in batch.columns]
            scratch.register("batch", pa.Table.from_arrays(columns, names=names))
            yield _evaluated(scratch, select)


def _evaluated(scratch: duckdb.DuckDBPyConnection, select: str) -> pa.Table:
    try:
        return scratch.execute(select).to_arrow_table()
    except RuntimeError as error:  # how the engine tells of Ctrl-C
        raise KeyboardInterrupt from error
    except duckdb.Error as error:
        raise QueryError(f"a value cannot be written as text: {error}", remedy="cast it in the query") from error


def _flat(column: pa.Array) -> pa.Array:
    """A nested column as JSON text: times as RFC 3339, no NaN; the engine would write both otherwise."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if not pa.types.is_nested(column.type):
        return column
    try:
        values = column.to_pylist(maps_as_pydicts="lossy")
        return pa.array([None if value is None else _dumped(value) for value in values], pa.string())
    except (OverflowError, ValueError):  # times outside Python's years 1 to 9999: the engine's own text then
        return column


def _without_zone(column: pa.Array) -> pa.Array:
    return column.cast(pa.timestamp(column.type.unit)) if pa.types.is_timestamp(column.type) else column


def _dumped(value: object) -> str:
    option = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
    return orjson.dumps(value, default=_other, option=option).decode()


def _other(value: object) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def _joined(column: pa.ChunkedArray) -> bytes:
    """The texts of a column, of which none is NULL, one behind the other."""
    return b"".join(_text_bytes(chunk) for chunk in column.chunks if len(chunk))


def _text_bytes(chunk: pa.StringArray) -> memoryview:
    _, offsets, data = chunk.buffers()
    ends = memoryview(offsets).cast("i")
    return memoryview(data)[ends[chunk.offset] : ends[chunk.offset + len(chunk)]]


def _write_parquet(result: Result, out: BinaryIO) -> int:
    from pyarrow import parquet

    names = _unique(result.schema.names)
    schema = pa.schema([field.with_name(name) for name, field in zip(names, result.schema, strict=True)])
    rows = 0
    try:
        with parquet.ParquetWriter(out, schema, compression="zstd") as writer:
            for group in _row_groups(result.batches):
                writer.write_table(pa.Table.from_batches(group).rename_columns(names))
                rows += sum(batch.num_rows for batch in group)
    except pa.ArrowNotImplementedError as error:
        raise QueryError(f"parquet cannot hold this result: {error}", remedy="cast that column to VARCHAR") from error
    return rows


def _row_groups(batches: Iterator[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    group: list[pa.RecordBatch] = []
    for batch in batches:
        group.append(batch)
        if len(group) * BATCH_ROWS >= ROW_GROUP or sum(each.nbytes for each in group) >= _ROW_GROUP_BYTES:
            yield group
            group = []
    if group:
        yield group


def _unique(names: list[str]) -> list[str]:
    """Names of which none comes twice: a, a_1, a_2."""
    seen: dict[str, int] = {}
    unique: list[str] = []
    for name in names:
        count = seen.get(name, 0)
        seen[name] = count + 1
        unique.append(f"{name}_{count}" if count else name)
    return unique


def _safe(data: bytes) -> bytes:
    return harmless(data.decode()).encode()

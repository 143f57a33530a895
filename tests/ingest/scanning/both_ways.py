"""A log read by the scanner of its format, and by the full SELECT alone."""

from contextlib import closing
from dataclasses import astuple, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

import pyarrow as pa

from logpipe.ingest.files.source import Span
from logpipe.ingest.formats import Context
from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.loading.chunk import Chunk
from logpipe.ingest.loading.convert import Converter
from logpipe.ingest.scanning import lines
from logpipe.record import EVENT_COLUMNS
from logpipe.store import Store
from logpipe.store.rollup import operations


@cache
def _operations() -> pa.Table:
    with Store.open(":memory:") as store:
        return operations(store.connection)


def _converted(format_: TextFormat, log: bytes, *, fast: bool) -> dict[str, list[Any]]:
    """All that a log becomes."""
    format_ = format_ if fast else replace(format_, scan=None)
    records = lines.split(memoryview(log), at_start=True)
    with closing(Converter(lambda _: None, _operations())) as converter:
        begins = converter.begins(records, format_)
        if begins is not None:
            records = lines.join(records, begins)
        lines.mend(records)
        span = Span(1, 0, len(log), records.lines, records.joined, records.blanks, 0, 0, b"", b"")
        context = Context(datetime(2026, 3, 14, 12, tzinfo=UTC), "Europe/Berlin")
        batch = converter.convert(Chunk(span, format_, "web", context, records))
        cells = converter.count([batch.uncounted])
    return {
        "events": sorted(
            zip(*(_column(batch.events, name) for name in ("source_pos", *EVENT_COLUMNS)), strict=True),
            key=lambda row: cast("int", row[0]),
        ),
        "rejects": [astuple(reject) for reject in batch.rejects],
        "counts": _rows(cells.rollup_minute),
        "latencies": _rows(_flat(cells.latency_histogram)),
    }


def _column(table: pa.Table, name: str) -> list[object]:
    if name not in table.column_names:
        return [None] * len(table)
    values = table[name].cast(pa.int64()) if name == "ts" else table[name]  # Python's times end with the year 9999
    return cast("list[object]", values.to_pylist())


_SUMS = {"events": "sum", "bytes": "sum", "sum_ms": "sum", "max_ms": "max"}


def _flat(histograms: pa.Table) -> pa.Table:
    """A row for each bucket."""
    buckets = histograms["buckets"].combine_chunks()
    rows = histograms.drop_columns(["buckets"]).take(buckets.value_parent_indices())
    for name, values in zip(("bucket", "events", "sum_ms", "max_ms"), buckets.flatten().flatten(), strict=True):
        rows = rows.append_column(name, values)
    return rows


def _rows(table: pa.Table) -> list[str]:
    """In any order, a key in one row; sums of floating-point numbers depend on it."""
    keys = sorted(name for name in table.column_names if name not in _SUMS)
    minutes = table["minute"].cast(pa.int64())
    table = table.set_column(table.column_names.index("minute"), "minute", minutes)
    summed = table.group_by(keys).aggregate([(name, how) for name, how in _SUMS.items() if name in table.column_names])
    rows = summed.select(sorted(summed.column_names)).to_pylist()
    return sorted(repr({**row, "sum_ms_sum": round(row.get("sum_ms_sum", 0), 3)}) for row in rows)


def assert_same(format_: TextFormat, log: bytes) -> None:
    """That scanning a log and the full SELECT make the same of it."""
    fast, full = _converted(format_, log, fast=True), _converted(format_, log, fast=False)
    for table, rows in full.items():
        assert fast[table] == rows

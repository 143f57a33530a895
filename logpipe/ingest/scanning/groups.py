"""What rows add to the roll-ups, put together by `groups.c` as far as it goes without names being made."""

import ctypes
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from logpipe.ingest.scanning.native import address, library

_TEXTS: Final = ("service", "environment", "version", "db_statement", "http_method", "http_route", "event")
"""In the order of `groups.c`."""
_NAMES: Final = ("ts", *_TEXTS, "db_system", "http_status")
_LABELS: Final = ("stream", "level", "severity")
_Arrays = dict[str, npt.NDArray[np.generic]]
_SEED: Final = secrets.randbits(64)


@dataclass(frozen=True, slots=True)
class Grouped:
    """Groups of rows of the same names, by number, and what they add."""

    groups: pa.Table
    """`group`, and of a row of each the columns that its names are made of."""
    counts: pa.Table
    """`group`, `stream`, `level`, `severity`, `http_status`, `events` and `bytes`."""
    latencies: pa.Table
    """`group`, and `buckets`: lists of structs of `bucket`, `events`, `sum_ms` and `max_ms`."""


def together(parts: Sequence[Grouped]) -> Grouped:
    """All in one; groups stay apart that are the same."""
    firsts = np.cumsum([0, *(len(part.groups) for part in parts)])
    tables = zip(*((part.groups, part.counts, part.latencies) for part in parts), strict=True)
    return Grouped(*(_concatenated(pieces, firsts) for pieces in tables))


def _concatenated(pieces: Sequence[pa.Table], firsts: Iterable[int]) -> pa.Table:
    numbered = (
        piece.set_column(0, "group", pc.add(piece["group"], first))
        for piece, first in zip(pieces, firsts, strict=False)
    )
    return pa.concat_tables(numbered, promote_options="default")


class _Texts(ctypes.Structure):
    _fields_ = (("values", ctypes.c_void_p), ("valid", ctypes.c_void_p))


class _Rows(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("side", ctypes.c_void_p),
        ("texts", _Texts * len(_TEXTS)),
        ("streams", _Texts),
        ("times", ctypes.c_void_p),
        ("severities", ctypes.c_void_p),
        ("statuses", ctypes.c_void_p),
        ("statuses_valid", ctypes.c_void_p),
        ("durations", ctypes.c_void_p),
        ("durations_valid", ctypes.c_void_p),
        ("bytes", ctypes.c_void_p),
        ("masks", ctypes.c_void_p),
        ("mask_ends", ctypes.c_void_p),
        ("is_mysql", ctypes.c_int64),
    )


class _Cells(ctypes.Structure):
    """Of counts: group, row, status, events, bytes. Of latencies: group, bucket, events, sum_ms, max_ms."""

    _fields_ = tuple((f"column_{number}", ctypes.c_void_p) for number in range(5))


@dataclass(frozen=True, slots=True)
class Values:
    """A column as it was scanned."""

    values: npt.NDArray[np.generic]
    valid: npt.NDArray[np.uint8] | None
    """Arrow's validity bitmap."""


def group(
    size: int,
    columns: Mapping[str, Values],
    texts: Sequence[npt.NDArray[np.uint8]],
    taken: Callable[[str, npt.NDArray[np.int64]], pa.Array],
    *,
    is_mysql: bool,
) -> Grouped:
    """Count `size` rows of these columns; views of text point into the two `texts`. `taken` picks rows of a column.

    `is_mysql` says that all statements are MySQL's.
    """
    rows = _rows(columns, texts)
    masks, mask_ends = np.empty(_statement_bytes(columns) + 8, np.uint8), np.empty(max(1, size), np.int64)
    rows.masks, rows.mask_ends, rows.is_mysql = address(masks), address(mask_ends), is_mysql
    slots_each = 1 << max(4, (2 * size - 1).bit_length())
    slots = np.full(3 * slots_each, -1, np.int32)
    firsts, keys = np.empty(size, np.int64), np.empty(2 * size, np.uint64)
    counts: _Arrays = {name: np.empty(size, np.int64) for name in ("group", "row")}
    counts |= {"status": np.empty(size, np.uint16)}
    counts |= {name: np.empty(size, np.uint64) for name in ("events", "bytes")}
    latencies: _Arrays = {
        "group": np.empty(size, np.int64),
        "bucket": np.empty(size, np.int16),
        "events": np.empty(size, np.uint64),
        "sum_ms": np.empty(size, np.float64),
        "max_ms": np.empty(size, np.float64),
    }
    found = np.zeros(3, np.int64)
    library().logpipe_count(
        *(ctypes.byref(rows), ctypes.c_int64(size), ctypes.c_uint64(_SEED)),
        *(address(slots), ctypes.c_uint64(slots_each - 1), address(firsts), address(keys)),
        *(ctypes.byref(_cells(counts)), ctypes.byref(_cells(latencies)), address(found)),
    )

    def columns_of(names: Sequence[str], rows: npt.NDArray[np.int64]) -> dict[str, pa.Array]:
        return {name: _copied(taken(name, rows)) for name in names if name in columns}

    groups, cells, buckets = (int(number) for number in found)
    told, status = counts.pop("row")[:cells].astype(np.int64), counts.pop("status")[:cells]
    statuses = {"http_status": pa.array(status, mask=status == 0)}
    return Grouped(
        pa.table({"group": pa.array(np.arange(groups))} | columns_of(_NAMES, firsts[:groups])),
        pa.table(
            {name: pa.array(values[:cells]) for name, values in counts.items()} | columns_of(_LABELS, told) | statuses
        ),
        _histograms({name: values[:buckets] for name, values in latencies.items()}),
    )


def _statement_bytes(columns: Mapping[str, Values]) -> int:
    """Of all statements; views begin with their length, and where the value is NULL with anything."""
    if "db_statement" not in columns:
        return 0
    statements = columns["db_statement"]
    valid = np.unpackbits(cast("npt.NDArray[np.uint8]", statements.valid), bitorder="little")[: len(statements.values)]
    return int(statements.values[valid == 1, 0].sum(dtype=np.int64))


def _histograms(latencies: _Arrays) -> pa.Table:
    """The buckets of each group as a list: DuckDB would take several times as long to gather them."""
    numbers = latencies.pop("group")
    order = np.argsort(numbers, kind="stable")
    groups, firsts = np.unique(numbers[order], return_index=True)
    offsets = pa.array(np.append(firsts, len(numbers)).astype(np.int32))
    buckets = pa.StructArray.from_arrays([pa.array(values[order]) for values in latencies.values()], [*latencies])
    return pa.table({"group": pa.array(groups), "buckets": pa.ListArray.from_arrays(offsets, buckets)})


def _rows(columns: Mapping[str, Values], texts: Sequence[npt.NDArray[np.uint8]]) -> _Rows:
    rows = _Rows()
    rows.data, rows.side = (address(text) for text in texts)
    for place, name in zip((*rows.texts, rows.streams), (*_TEXTS, "stream"), strict=True):
        if name in columns:
            place.values, place.valid = address(columns[name].values), address(columns[name].valid)
    for place, name in (("times", "ts"), ("severities", "severity"), ("bytes", "bytes")):
        setattr(rows, place, address(columns[name].values))
    for place, name in (("statuses", "http_status"), ("durations", "duration_ms")):
        if name in columns:
            setattr(rows, place, address(columns[name].values))
            setattr(rows, f"{place}_valid", address(columns[name].valid))
    return rows


def _cells(columns: Mapping[str, npt.NDArray[np.generic]]) -> _Cells:
    return _Cells(*(address(values) for values in columns.values()))


def _copied(column: pa.Array) -> pa.Array:
    """Text apart from that of the chunk, which need not stay for it."""
    return column.cast(pa.string()) if column.type == pa.string_view() else column

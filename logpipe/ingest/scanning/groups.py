"""What rows add to the roll-ups, put together by `groups.c` as far as it goes without names being made.

The relations `grouped_counts` and `grouped_latencies` are those that `logpipe.store.rollup` sums up: a row of the batch
that tells the names, and what stands for it.
"""

import ctypes
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from logpipe.ingest.scanning.native import address, library

_TEXTS: Final = ("service", "environment", "version", "db_statement", "http_method", "http_route", "event")
"""In the order of `groups.c`."""
_NAMES: Final = ("ts", *_TEXTS, "stream", "level", "http_status", "severity")
_Arrays = dict[str, npt.NDArray[np.generic]]
_SEED: Final = secrets.randbits(64)


@dataclass(frozen=True, slots=True)
class Grouped:
    """The two relations."""

    counts: pa.Table
    latencies: pa.Table


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
    )


class _Cells(ctypes.Structure):
    """Of counts: row, events, server_errors, bytes. Of latencies: row, bucket, events, sum_ms, max_ms."""

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
) -> Grouped:
    """Count `size` rows of these columns; views of text point into the two `texts`. `taken` picks rows of a column."""
    rows = _rows(columns, texts)
    slots_each = 1 << max(4, (2 * size - 1).bit_length())
    slots = np.full(3 * slots_each, -1, np.int32)
    work, keys = np.empty(size, np.int64), np.empty(2 * size, np.uint64)
    counts: _Arrays = {name: np.empty(size, np.int64) for name in ("row", "events", "server_errors", "bytes")}
    latencies: _Arrays = {
        "row": np.empty(size, np.int64),
        "bucket": np.empty(size, np.int16),
        "events": np.empty(size, np.int64),
        "sum_ms": np.empty(size, np.float64),
        "max_ms": np.empty(size, np.float64),
    }
    found = np.zeros(2, np.int64)
    library().logpipe_count(
        *(ctypes.byref(rows), ctypes.c_int64(size), ctypes.c_uint64(_SEED)),
        *(address(slots), ctypes.c_uint64(slots_each - 1), address(work), address(keys)),
        *(ctypes.byref(_cells(counts)), ctypes.byref(_cells(latencies)), address(found)),
    )
    names = [name for name in _NAMES if name in columns]
    return Grouped(
        *(
            _table({name: values[:cells] for name, values in made.items()}, names, taken)
            for made, cells in ((counts, int(found[0])), (latencies, int(found[1])))
        )
    )


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


def _table(
    cells: Mapping[str, npt.NDArray[np.generic]],
    names: Sequence[str],
    taken: Callable[[str, npt.NDArray[np.int64]], pa.Array],
) -> pa.Table:
    rows = cells["row"].astype(np.int64)
    found = {name: _copied(taken(name, rows)) for name in names}
    return pa.table(found | {name: pa.array(values) for name, values in cells.items() if name != "row"})

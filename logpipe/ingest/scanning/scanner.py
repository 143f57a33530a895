"""The fast way from lines of logpipe's own JSON to rows, by `scanner.c`.

It takes the lines that are plain and leaves the others to the full SELECT of the format; of those that it takes both
say the same, which a test holds.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from logpipe.ingest.scanning.groups import Grouped, Values, group
from logpipe.ingest.scanning.lines import Positions, Records
from logpipe.ingest.scanning.native import address, library
from logpipe.record import FIELDS, Field

_TEXT, _STRICT_TEXT, _SERVICE, _STREAM, _LEVEL, _TIME, _FLOAT, _UINT16, _INT32, _UINT64 = range(10)
_KINDS = {"TIMESTAMPTZ": _TIME, "DOUBLE": _FLOAT, "USMALLINT": _UINT16, "INTEGER": _INT32, "UBIGINT": _UINT64}
_TEXT_KINDS = {"service": _SERVICE, "stream": _STREAM, "level": _LEVEL}
_NUMPY_TYPES = {_TIME: "i8", _FLOAT: "f8", _UINT16: "u2", _INT32: "i4", _UINT64: "u8"}
_VIEW = "4i4"


class _Column(ctypes.Structure):
    _fields_ = (
        ("key", ctypes.c_char_p),
        ("key_length", ctypes.c_int64),
        ("kind", ctypes.c_int64),
        ("values", ctypes.c_void_p),
        ("valid", ctypes.c_void_p),
        ("present", ctypes.c_int64),
    )


@dataclass(frozen=True, slots=True)
class Scanned:
    """What the fast way made of some records."""

    columns: dict[str, pa.Array]
    """A row each; of the record's columns those that any row has, `severity`, `attributes` as text, and `bytes`."""
    grouped: Grouped
    """What the rows add to the roll-ups."""
    taken: Positions
    """By index, the records that became rows."""
    left: Positions
    """Those that did not."""


def scan(records: Records, service: str) -> Scanned:
    """The rows of plain lines; `service` is for those that name none."""
    count = len(records.starts)
    data = np.frombuffer(records.data, np.uint8)
    side = _side(records, service)
    columns = (_Column * len(FIELDS))()
    held = [_hold(column, field, count) for column, field in zip(columns, FIELDS, strict=True)]
    severities = np.empty(count, np.uint8)
    attributes, attribute_offsets = np.empty(len(data), np.uint8), np.empty(count + 1, np.int32)
    attributes_valid = _bitmap(count)
    taken, left, skip = np.empty(count, np.int64), np.empty(count, np.int64), np.zeros(count, np.uint8)
    skip[list(records.mended)] = 1
    rows = library().logpipe_scan(
        *(address(data), ctypes.c_int64(len(data)), address(records.starts), address(records.ends), address(skip)),
        *(ctypes.c_int64(count), columns, ctypes.c_int32(len(columns))),
        *(_bits("timestamp", "level"), _bits("exception_type", "exception_message"), _bits("exception_stacktrace")),
        *(address(side), ctypes.c_int64(len(service.encode()))),
        *(address(severities), address(attributes), address(attribute_offsets), address(attributes_valid)),
        *(address(taken), address(left)),
    )
    found = {
        field.column: values
        for column, field, values in zip(columns, FIELDS, held, strict=True)
        if column.present or not rows
    }
    found["severity"] = Values(severities, None)
    found["bytes"] = Values(records.lengths[taken[:rows]].astype(np.uint32), None)
    texts = [data, side]
    every = np.s_[:rows]
    made = {name: _array(values, texts, every) for name, values in found.items()}
    made["attributes"] = pa.Array.from_buffers(
        pa.string(), rows, [pa.py_buffer(array) for array in (attributes_valid, attribute_offsets, attributes)]
    )
    grouped = group(rows, found, texts, lambda name, indices: _array(found[name], texts, indices))
    return Scanned(made, grouped, taken[:rows], left[: count - rows])


def _side(records: Records, service: str) -> npt.NDArray[np.uint8]:
    """Room for what is put together, behind the name of the service; memory that is not touched costs nothing."""
    name = service.encode()
    longest = int(records.lengths.max(initial=0))
    side = np.empty(len(name) + len(records.data) + longest, np.uint8)
    side[: len(name)] = np.frombuffer(name, np.uint8)
    return side


def _hold(column: _Column, field: Field, count: int) -> Values:
    """Give the column room for its values, which are not read where they are NULL, nor touched."""
    strict = field.key.startswith("exception_")
    kind = _KINDS.get(field.sql_type, _STRICT_TEXT if strict else _TEXT_KINDS.get(field.key, _TEXT))
    values, valid = np.empty(count, _NUMPY_TYPES.get(kind, _VIEW)), _bitmap(count)
    column.key, column.key_length, column.kind = field.key.encode(), len(field.key), kind
    column.values, column.valid = address(values), address(valid)
    return Values(values, valid)


def _bitmap(count: int) -> npt.NDArray[np.uint8]:
    return np.zeros(count // 8 + 1, np.uint8)


def _array(column: Values, texts: Sequence[npt.NDArray[np.uint8]], indices: slice | Positions) -> pa.Array:
    """Some rows of a column in Arrow's form."""
    values, valid = np.ascontiguousarray(column.values[indices]), column.valid
    if valid is not None and not isinstance(indices, slice):
        there = np.unpackbits(valid, bitorder="little")[indices]
        values[there == 0] = 0  # for PyArrow looks at what stands where a value is NULL
        valid = np.packbits(there, bitorder="little")
    buffers = [None if valid is None else pa.py_buffer(valid), pa.py_buffer(values)]
    if values.ndim == 2:
        return pa.Array.from_buffers(pa.string_view(), len(values), [*buffers, *map(pa.py_buffer, texts)])
    kind = pa.timestamp("us", tz="UTC") if values.dtype == np.int64 else pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), buffers)


def _bits(*keys: str) -> ctypes.c_uint64:
    return ctypes.c_uint64(sum(1 << index for index, field in enumerate(FIELDS) if field.key in keys))

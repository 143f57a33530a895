"""The fast way from lines of logpipe's own JSON to rows: `scanner.c`, compiled when the package is built.

It takes the lines that are plain and leaves the others to the full SELECT of the format; of those that it takes both
say the same, which a test holds.
"""

import ctypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from logpipe.ingest.lines import Positions, Records
from logpipe.record import FIELDS, Field

_TEXT, _STRICT_TEXT, _SERVICE, _STREAM, _LEVEL, _TIME, _FLOAT, _UINT16, _INT32, _UINT64 = range(10)
_KINDS = {"TIMESTAMPTZ": _TIME, "DOUBLE": _FLOAT, "USMALLINT": _UINT16, "INTEGER": _INT32, "UBIGINT": _UINT64}
_TEXT_KINDS = {"service": _SERVICE, "stream": _STREAM, "level": _LEVEL}
_ARROW_TYPES = {
    _TIME: pa.timestamp("us", tz="UTC"),
    _FLOAT: pa.float64(),
    _UINT16: pa.uint16(),
    _INT32: pa.int32(),
    _UINT64: pa.uint64(),
}
_BYTES = {_TIME: 8, _FLOAT: 8, _UINT16: 2, _INT32: 4, _UINT64: 8}
_VIEW_BYTES = 16


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
    """A row each; of the record's columns those that any row has, `severity`, and `attributes` as text."""
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
    attributes_valid = np.zeros(count // 8 + 1, np.uint8)
    taken, left, skip = np.empty(count, np.int64), np.empty(count, np.int64), np.zeros(count, np.uint8)
    skip[list(records.mended)] = 1
    rows = _library().logpipe_scan(
        *(_address(data), ctypes.c_int64(len(data)), _address(records.starts), _address(records.ends), _address(skip)),
        *(ctypes.c_int64(count), columns, ctypes.c_int32(len(columns))),
        *(_bits("timestamp", "level"), _bits("exception_type", "exception_message"), _bits("exception_stacktrace")),
        *(_address(side), ctypes.c_int64(len(service.encode()))),
        *(_address(severities), _address(attributes), _address(attribute_offsets), _address(attributes_valid)),
        *(_address(taken), _address(left)),
    )
    texts = [pa.py_buffer(records.data), pa.py_buffer(side)]
    made = {
        field.column: _array(column.kind, values, valid, texts, rows)
        for column, field, (values, valid) in zip(columns, FIELDS, held, strict=True)
        if column.present
    }
    made["severity"] = pa.array(severities[:rows])
    buffers = [pa.py_buffer(array) for array in (attributes_valid, attribute_offsets, attributes)]
    made["attributes"] = pa.Array.from_buffers(pa.string(), rows, buffers)
    return Scanned(made, taken[:rows], left[: count - rows])


def _side(records: Records, service: str) -> npt.NDArray[np.uint8]:
    """Room for what is put together, behind the name of the service; memory that is not touched costs nothing."""
    name = service.encode()
    longest = int(records.lengths.max(initial=0))
    side = np.empty(len(name) + len(records.data) + longest, np.uint8)
    side[: len(name)] = np.frombuffer(name, np.uint8)
    return side


def _hold(column: _Column, field: Field, count: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Give the column room for its values and its validity bits."""
    strict = field.key.startswith("exception_")
    kind = _KINDS.get(field.sql_type, _STRICT_TEXT if strict else _TEXT_KINDS.get(field.key, _TEXT))
    values = np.empty(count * _BYTES.get(kind, _VIEW_BYTES), np.uint8)  # not read where NULL, nor touched
    valid = np.zeros(count // 8 + 1, np.uint8)
    column.key, column.key_length, column.kind = field.key.encode(), len(field.key), kind
    column.values, column.valid = values.ctypes.data, valid.ctypes.data
    return values, valid


def _array(
    kind: int, values: npt.NDArray[np.uint8], valid: npt.NDArray[np.uint8], texts: list[pa.Buffer], rows: int
) -> pa.Array:
    buffers = [pa.py_buffer(valid), pa.py_buffer(values)]
    if kind in _ARROW_TYPES:
        return pa.Array.from_buffers(_ARROW_TYPES[kind], rows, buffers)
    return pa.Array.from_buffers(pa.string_view(), rows, [*buffers, *texts])


def _bits(*keys: str) -> ctypes.c_uint64:
    return ctypes.c_uint64(sum(1 << index for index, field in enumerate(FIELDS) if field.key in keys))


def _address(array: npt.NDArray[np.generic]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(Path(__file__).with_name("_scanner.so")))
    library.logpipe_scan.restype = ctypes.c_int64
    return library

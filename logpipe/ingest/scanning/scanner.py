"""The fast way from lines to rows: `json.c` for logpipe's own JSON, `access.c` for access logs, `slow.c` for slow ones.

A scanner takes the lines that are plain and leaves the others to the full SELECT of the format; of those that it takes
both say the same, which tests hold.
"""

import ctypes
import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

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
_VIEW = np.dtype((np.int32, 4))
_ACCESS: Final = (
    *("ts", "service", "stream", "message", "http_method", "http_path", "http_status", "user_id", "duration_ms"),
)
"""In the order of `access.c`."""
_SLOW: Final = ("ts", "service", "stream", "message", "duration_ms", "db_system", "db_statement")
"""In the order of `slow.c`."""


class _Column(ctypes.Structure):
    _fields_ = (
        ("key", ctypes.c_char_p),
        ("key_length", ctypes.c_int64),
        ("kind", ctypes.c_int64),
        ("values", ctypes.c_void_p),
        ("valid", ctypes.c_void_p),
        ("present", ctypes.c_int64),
    )


class _Lines(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_int64),
        ("starts", ctypes.c_void_p),
        ("ends", ctypes.c_void_p),
        ("skip", ctypes.c_void_p),
        ("count", ctypes.c_int64),
    )


class _Rows(ctypes.Structure):
    _fields_ = (
        ("columns", ctypes.POINTER(_Column)),
        ("column_count", ctypes.c_int64),
        ("side", ctypes.c_void_p),
        ("service_length", ctypes.c_int64),
        ("severities", ctypes.c_void_p),
        ("attributes_valid", ctypes.c_void_p),
        ("attribute_offsets", ctypes.c_void_p),
        ("attributes", ctypes.c_void_p),
        ("taken", ctypes.c_void_p),
        ("left", ctypes.c_void_p),
        ("torn", ctypes.c_void_p),
        ("left_count", ctypes.c_int64),
        ("torn_count", ctypes.c_int64),
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
    """Those that may become some by the full SELECT."""
    torn: Positions
    """Those that cannot: JSON without its end."""


@dataclass(frozen=True, slots=True)
class Scanner:
    """One of the functions in C."""

    function: str
    fields: tuple[Field, ...]
    """The columns that it fills, in its order."""
    attribute_room: tuple[int, int]
    """The most bytes of attributes that it writes: for each byte of the lines, and for each line."""
    is_mysql: bool = False
    """Whether the statements of what it reads are MySQL's."""
    begins_function: str | None = None
    """Another function in C: tells where records begin that have several lines."""

    def __call__(self, records: Records, service: str) -> Scanned:
        """The rows of plain lines; `service` is for those that name none."""
        count = len(records.starts)
        data, side = np.frombuffer(records.data, np.uint8), _side(records, service)
        columns = (_Column * len(self.fields))()
        bitmaps = np.zeros((len(columns), count // 8 + 1), np.uint8)
        held = [_hold(*each, count) for each in zip(columns, self.fields, bitmaps, strict=True)]
        severities, attributes = np.empty(count, np.uint8), self._attributes(records)
        (taken, left, torn), skip = np.empty((3, count), np.int64), np.zeros(count, np.uint8)
        skip[list(records.mended)] = 1
        lines = _Lines(
            *(address(data), len(data), address(records.starts), address(records.ends), address(skip), count)
        )
        into = _Rows(
            *(columns, len(columns), address(side), len(service.encode()), address(severities)),
            *map(address, (*attributes, taken, left, torn)),
        )
        rows = getattr(library(), self.function)(ctypes.byref(lines), ctypes.byref(into))
        found = {
            field.column: values
            for column, field, values in zip(columns, self.fields, held, strict=True)
            if column.present or not rows
        }
        found["severity"] = Values(severities, None)
        found["bytes"] = Values(records.lengths[taken[:rows]].astype(np.uint32), None)
        texts, every = [data, side], np.s_[:rows]
        made = {name: _array(values, texts, every) for name, values in found.items()}
        made["attributes"] = pa.Array.from_buffers(pa.string(), rows, [*map(pa.py_buffer, attributes)])
        grouped = group(
            rows, found, texts, lambda name, indices: _array(found[name], texts, indices), is_mysql=self.is_mysql
        )
        return Scanned(made, grouped, taken[:rows], left[: into.left_count], torn[: into.torn_count])

    def begins(self, records: Records) -> npt.NDArray[np.bool_] | None:
        """Which lines begin a record; None where only SQL tells."""
        if self.begins_function is None:
            return None
        data, count = np.frombuffer(records.data, np.uint8), len(records.starts)
        begins = np.empty(count, np.bool_)
        known = getattr(library(), self.begins_function)(
            *(address(data), ctypes.c_int64(len(data)), address(records.starts), address(records.ends)),
            *(ctypes.c_int64(count), address(begins)),
        )
        return begins if known else None

    def _attributes(self, records: Records) -> list[npt.NDArray[np.generic]]:
        """Arrow's buffers of a text: validity, offsets and bytes."""
        count, (a_byte, a_line) = len(records.starts), self.attribute_room
        return [
            np.zeros(count // 8 + 1, np.uint8),
            np.empty(count + 1, np.int32),
            _room(a_byte * len(records.data) + a_line * count),
        ]


def _side(records: Records, service: str) -> npt.NDArray[np.uint8]:
    """Room for what is put together, behind the name of the service."""
    name = service.encode()
    longest = int(records.lengths.max(initial=0))
    side = _room(len(name) + len(records.data) + longest)
    side[: len(name)] = np.frombuffer(name, np.uint8)
    return side


def _room(size: int) -> npt.NDArray[np.uint8]:
    """So many bytes, and one, which go back to the system once nothing refers to them; `malloc` would keep them.

    Those that are not touched cost nothing.
    """
    return np.frombuffer(mmap.mmap(-1, size + 1), np.uint8)


def _hold(column: _Column, field: Field, valid: npt.NDArray[np.uint8], count: int) -> Values:
    """Give the column room for its values, which are not read where they are NULL, nor touched."""
    strict = field.key.startswith("exception_")
    kind = _KINDS.get(field.sql_type, _STRICT_TEXT if strict else _TEXT_KINDS.get(field.key, _TEXT))
    values = np.empty(count, _NUMPY_TYPES.get(kind, _VIEW))
    column.key, column.key_length, column.kind = field.key.encode(), len(field.key), kind
    column.values, column.valid = address(values), address(valid)
    return Values(values, valid)


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


def _fields(columns: Sequence[str]) -> tuple[Field, ...]:
    return tuple(field for name in columns for field in FIELDS if field.column == name)


scan_json: Final = Scanner("logpipe_scan_json", FIELDS, (1, 0))
scan_access: Final = Scanner("logpipe_scan_access", _fields(_ACCESS), (2, 200))
scan_slow: Final = Scanner("logpipe_scan_slow", _fields(_SLOW), (1, 200), True, "logpipe_slow_begins")

"""`encode.c`, which is compiled when the package is built."""

import ctypes
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_JSON_GROWTH: Final = 6
"""Bytes of `\\u0000`, the longest form that a byte takes."""
_ROW_BYTES: Final = 128
_PAIR_BYTES: Final = 32


class _Column(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("name_size", ctypes.c_int64),
        ("offsets", ctypes.c_void_p),
        ("data", ctypes.c_void_p),
        ("valid", ctypes.c_void_p),
    )


class _Rows(ctypes.Structure):
    _fields_ = (
        ("order", ctypes.c_void_p),
        ("count", ctypes.c_int64),
        ("ns", ctypes.c_void_p),
        ("line", ctypes.POINTER(_Column)),
        ("columns", ctypes.POINTER(_Column)),
        ("columns_count", ctypes.c_int64),
        ("packed", ctypes.POINTER(_Column)),
    )


class _Limits(ctypes.Structure):
    _fields_ = (("bytes", ctypes.c_int64), ("entries", ctypes.c_int64))


def encode(
    order: npt.NDArray[np.int64],
    ns: npt.NDArray[np.int64],
    line: pa.StringArray,
    columns: Mapping[str, pa.StringArray],
    packed: pa.BinaryArray,
    *,
    metadata_bytes: int,
    metadata_entries: int,
    json: bool,
) -> tuple[bytes, npt.NDArray[np.int64]]:
    """The rows `order` as entries one after another, and where each ends."""
    order, ns = np.ascontiguousarray(order), np.ascontiguousarray(ns)
    arrays = [line, packed, *columns.values()]
    room = sum(_data_bytes(array) for array in arrays) + _data_bytes(packed)
    room = room * (_JSON_GROWTH if json else 1)
    room += len(order) * (_ROW_BYTES + sum(len(name) + _PAIR_BYTES for name in columns))
    out, ends = np.empty(room, np.uint8), np.empty(len(order), np.int64)
    of_line, of_packed = _column("", line), _column("", packed)
    of_columns = (_Column * len(columns))(*(_column(name, array) for name, array in columns.items()))
    rows = _Rows(
        order.ctypes.data,
        len(order),
        ns.ctypes.data,
        ctypes.pointer(of_line),
        of_columns,
        len(columns),
        ctypes.pointer(of_packed),
    )
    _library().logpipe_loki_encode(
        *(ctypes.byref(rows), ctypes.byref(_Limits(metadata_bytes, metadata_entries)), ctypes.c_int64(json)),
        *(ctypes.c_void_p(out.ctypes.data), ctypes.c_void_p(ends.ctypes.data)),
    )
    return out[: ends[-1] if len(ends) else 0].tobytes(), ends


@cache
def _library() -> ctypes.CDLL:
    found = ctypes.CDLL(str(Path(__file__).with_name("_encoder.so")))
    found.logpipe_loki_encode.restype = None
    return found


def _column(name: str, array: pa.Array) -> _Column:
    """Pointers into an array, which has to outlive them."""
    assert array.offset == 0
    valid, offsets, data = array.buffers()
    return _Column(
        name.encode(),
        len(name),
        offsets.address,
        data.address if data is not None else None,
        valid.address if valid is not None else None,
    )


def _data_bytes(array: pa.Array) -> int:
    data = array.buffers()[2]
    return data.size if data is not None else 0

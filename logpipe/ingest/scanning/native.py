"""What is compiled when the package is built, from the C files beside this one: a library without Python in it."""

import ctypes
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt


@cache
def library() -> ctypes.CDLL:
    """The library; its functions let other threads run."""
    found = ctypes.CDLL(str(Path(__file__).with_name("_scanner.so")))
    found.logpipe_scan_json.restype = ctypes.c_int64
    found.logpipe_scan_access.restype = ctypes.c_int64
    found.logpipe_scan_slow.restype = ctypes.c_int64
    found.logpipe_slow_begins.restype = ctypes.c_int64
    found.logpipe_lines.restype = ctypes.c_int64
    found.logpipe_count.restype = None
    found.logpipe_masks.restype = None
    return found


def address(array: npt.NDArray[np.generic] | None) -> ctypes.c_void_p:
    """Where the values of an array begin; NULL for none."""
    return ctypes.c_void_p(None if array is None else array.ctypes.data)

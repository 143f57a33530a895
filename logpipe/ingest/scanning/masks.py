"""Statements without most of their values, as `mask.c` reads them: fewer texts, of the same fingerprints."""

import ctypes

import numpy as np
import pyarrow as pa

from logpipe.ingest.scanning.native import address, library


def masked(statements: pa.StringArray, *, is_mysql: bool) -> pa.StringArray:
    """The mask of each statement; there must be no NULL. `is_mysql` says that all are of MySQL's dialect."""
    _, offsets, data = statements.buffers()
    first = np.frombuffer(offsets, np.int32)[statements.offset :]
    text = np.frombuffer(data or b"", np.uint8)
    out_offsets = np.empty(len(statements) + 1, np.int32)
    out = np.empty(int(first[len(statements)] - first[0]) if len(statements) else 0, np.uint8)
    library().logpipe_masks(
        *(address(text), address(first), ctypes.c_int64(len(statements)), ctypes.c_int64(is_mysql)),
        *(address(out), address(out_offsets)),
    )
    return pa.StringArray.from_buffers(len(statements), pa.py_buffer(out_offsets), pa.py_buffer(out))

"""Standard input as a file, so that it is read, hashed and accounted for like any other."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from logpipe.errors import InputError
from logpipe.ingest.intake import FINAL_AFTER_S

STDIN = "-"


@contextmanager
def spooled(paths: Sequence[str]) -> Iterator[list[str]]:
    """The paths, with `-` replaced by a temporary file that holds all of standard input.

    Raises:
        InputError: standard input is a terminal.
    """
    if STDIN not in paths:
        yield list(paths)
        return
    if sys.stdin.isatty():
        raise InputError("standard input is a terminal", remedy="pipe a log into it: cat app.log | logpipe ingest -")
    with tempfile.TemporaryDirectory(prefix="logpipe-") as folder:
        spool = Path(folder) / "stdin"
        with spool.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
        # Nothing more will come, so a last line without a newline is whole: the file has rested long enough.
        rested = time.time() - 2 * FINAL_AFTER_S
        os.utime(spool, (rested, rested))
        yield [str(spool) if path == STDIN else path for path in paths]

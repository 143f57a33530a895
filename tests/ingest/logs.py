"""Lines to write, files to age, and what the store made of them."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from logpipe.ingest.options import Summary
from logpipe.store import Store

Take = Callable[..., Summary]


def line(seq: int, **fields: object) -> bytes:
    """One record as the emitter writes it."""
    record = {
        "timestamp": f"2026-03-12T10:{seq // 60 % 60:02}:{seq % 60:02}.000000Z",
        "level": "INFO",
        "stream": "app",
        "service": "shop",
        "message": f"order {seq} handled",
        "seq": seq,
        **fields,
    }
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def rest(path: Path, seconds: float = 60) -> None:
    """Make a file look as if it had not been written to for a while."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def sequences(store: Store) -> list[int]:
    """The sequence numbers that the store holds, in order."""
    return [row[0] for row in store.execute("SELECT seq FROM events ORDER BY seq")]

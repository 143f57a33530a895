"""A store, a folder of logs, and lines to write into it."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from logpipe.ingest.ingest import ingest
from logpipe.ingest.intake import Options, Summary
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


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "logs.duckdb")


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


@pytest.fixture
def take(store: Store, logs: Path) -> Take:
    """Ingest the folder, and give the summary."""

    def ingest_folder(*paths: Path, **options: object) -> Summary:
        return ingest(store, [str(path) for path in paths or (logs,)], Options(**options))  # type: ignore[arg-type] # named by the tests

    return ingest_folder


def sequences(store: Store) -> list[int]:
    """The sequence numbers that the store holds, in order."""
    return [row[0] for row in store.execute("SELECT seq FROM events ORDER BY seq")]

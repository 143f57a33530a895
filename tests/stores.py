"""Stores for a third of their price: a database is made once in a process, and copied for each test."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from logpipe.store import Store


def new_store(path: Path) -> Store:
    """A store of nothing at a path, just as `Store.open` makes it."""
    path.write_bytes(_empty())
    return Store.open(path)


def copied(database: Path, path: Path) -> Path:
    """A database that was made for many tests, where one of them may change it."""
    shutil.copy(database, path)
    return path


@contextmanager
def passing_store() -> Iterator[Store]:
    """A store of nothing, gone when the block ends."""
    with tempfile.TemporaryDirectory() as folder, new_store(Path(folder) / "logs.duckdb") as store:
        yield store


@cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.duckdb"
        Store.open(path).close()
        return path.read_bytes()

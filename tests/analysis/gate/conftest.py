"""Folders and databases of logs, and the gate over them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from logpipe.ingest.ingest import ingest
from logpipe.ingest.options import Options
from logpipe.store import Store
from tests.analysis.gate.logs import Version
from tests.commands import call
from tests.stores import new_store

Stored = Callable[..., Path]
Gated = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    """Makes a database of versions, or adds them to it."""
    return partial(store_versions, tmp_path)


def store_versions(folder: Path, *versions: Version, seed: int = 1) -> Path:
    """The database in a folder, with these versions in it."""
    logs, database = folder / f"logs{seed}", folder / "logs.duckdb"
    for number, version in enumerate(versions):
        version.write(logs / f"{number}.jsonl", seed + number)
    with Store.open(database) if database.exists() else new_store(database) as store:
        summary = ingest(store, [str(logs)], Options())
    assert not summary.errors
    return database


@pytest.fixture
def gated(tmp_path: Path) -> Gated:
    """Runs `logpipe gate ARGUMENTS --json`: the exit code, and the answer."""

    def run(*arguments: str) -> tuple[int, dict[str, Any]]:
        done = call("gate", *arguments, "--json", folder=tmp_path)
        return done.returncode, orjson.loads(done.stdout)

    return run

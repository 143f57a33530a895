"""Folders and databases of logs, and the gate over them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from logpipe.ingest.ingest import ingest
from logpipe.ingest.options import Options
from logpipe.store import Store
from tests.analysis.gate.logs import Version
from tests.commands import call

Stored = Callable[..., Path]
Gated = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    """Makes a database of versions, or adds them to it."""

    def make(*versions: Version, seed: int = 1) -> Path:
        folder = tmp_path / f"logs{seed}"
        for number, version in enumerate(versions):
            version.write(folder / f"{number}.jsonl", seed + number)
        database = tmp_path / "logs.duckdb"
        with Store.open(database) as store:
            summary = ingest(store, [str(folder)], Options())
        assert not summary.errors
        return database

    return make


@pytest.fixture
def gated(tmp_path: Path) -> Gated:
    """Runs `logpipe gate ARGUMENTS --json`: the exit code, and the answer."""

    def run(*arguments: str) -> tuple[int, dict[str, Any]]:
        done = call("gate", *arguments, "--json", folder=tmp_path)
        return done.returncode, orjson.loads(done.stdout)

    return run

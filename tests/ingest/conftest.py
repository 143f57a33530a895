"""A store and a folder of logs."""

from pathlib import Path

import pytest

from logpipe.ingest.ingest import ingest
from logpipe.ingest.options import Options, Summary
from logpipe.store import Store
from tests.ingest.logs import Take


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

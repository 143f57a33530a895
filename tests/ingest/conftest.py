"""A store and a folder of logs; and what `make chaos` counted."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from logpipe.ingest.ingest import ingest
from logpipe.ingest.options import Options, Summary
from logpipe.store import Store
from tests.ingest.forks import Forks
from tests.ingest.logs import Take
from tests.stores import new_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path / "logs.duckdb")


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


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Starts processes of the command."""
    with Forks() as server:
        yield server


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The three zeros of the random machine, over all its slices."""
    totals: Counter[str] = Counter()
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for name, counted in report.user_properties:
            if name == "chaos" and isinstance(counted, dict):
                totals.update(counted)
    if totals:
        terminalreporter.write_line(
            f"chaos: {totals['seeds']:,} seeds, {totals['starts']:,} processes, {totals['written']:,} lines written, "
            f"{totals['unseen']:,} of them gone before any look: {totals['lost']} lost, {totals['repeated']} repeated, "
            f"{totals['bytes']} unaccounted bytes"
        )

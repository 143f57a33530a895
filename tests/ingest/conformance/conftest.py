"""A folder of logs, a database and the command."""

from pathlib import Path

import pytest

from tests.ingest.conformance.harness import Case
from tests.ingest.forks import Forks


@pytest.fixture
def case(tmp_path: Path, forks: Forks) -> Case:
    return Case(tmp_path, forks)

"""A folder of logs, a database and the command."""

from pathlib import Path

import pytest

from tests.ingest.conformance.harness import Case


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)

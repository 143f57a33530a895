"""A slow log of a real MariaDB: the report slow-queries and pt-query-digest say the same of it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.queries import mariadb


@pytest.mark.real
def test_the_report_agrees_with_pt_query_digest(tmp_path: Path, logpipe: Callable[..., Any]) -> None:
    """The same classes, counts and sums, whatever clients at once have sent."""
    if package := mariadb.missing():
        message = f"a program is missing: apt-get install {package}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with mariadb.server(tmp_path) as log:
        mariadb.run(tmp_path / "socket", mariadb.SCHEMA)
        mariadb.run(tmp_path / "socket", mariadb.load(300, 1), mariadb.load(300, 2))
    database = tmp_path / "logs.duckdb"
    assert logpipe("ingest", str(log), "--db", str(database)).returncode == 0
    digested = mariadb.digested(log)
    assert len(digested) > 20
    assert mariadb.differences(digested, mariadb.reported(database)) == []

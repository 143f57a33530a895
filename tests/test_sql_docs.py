"""docs/sql.md names all there is, and its samples are real."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from logpipe.store import Store
from logpipe_analysis.reports import all_reports

TEXT = (Path(__file__).parent.parent / "docs" / "sql.md").read_text()
SAMPLES = re.findall(r"```console\n\$ logpipe (.*?)\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize(("command", "printed"), SAMPLES)
def test_a_sample_is_what_the_command_prints(
    shop: Path, logpipe: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, command: str, printed: str
) -> None:
    """To the character."""
    monkeypatch.setenv("LOGPIPE_DB", str(shop))
    done = logpipe(*shlex.split(command))
    assert (done.stdout, done.stderr) == (printed, "")


def test_each_table_view_and_macro_is_documented(shop: Path) -> None:
    """Whatever the store holds, a reader finds it by name."""
    with Store.open(shop, read_only=True) as store:
        names = store.execute(
            "SELECT table_name FROM duckdb_tables() UNION SELECT view_name FROM duckdb_views() WHERE NOT internal"
            " UNION SELECT function_name FROM duckdb_functions()"
            " WHERE NOT internal AND function_type IN ('macro', 'table_macro')"
        )
    assert len(names) > 30
    assert [name for (name,) in names if not re.search(rf"`{name}\b", TEXT)] == []


def test_each_report_is_documented_with_a_sample() -> None:
    """A section and a command."""
    for report in all_reports():
        assert f"### `{report.name}`" in TEXT
        assert any(command.startswith(f"report {report.name}") for command, _ in SAMPLES)

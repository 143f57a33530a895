"""The page on exports names everything that there is."""

from pathlib import Path

import pytest
import typer.main

from logpipe.cli.export import app
from logpipe.store import Store
from logpipe_shippers.prometheus import exposition

PAGE = (Path(__file__).parents[2] / "docs" / "export.md").read_text()


def test_each_metric_is_documented(tmp_path: Path) -> None:
    """A metric that nobody can look up is none."""
    with Store.open(tmp_path / "logs.duckdb") as store:
        types = [line.split() for line in exposition(store).decode().splitlines() if line.startswith("# TYPE")]
    assert len(types) > 15
    assert [name for _, _, name, _ in types if f"`{name}`" not in PAGE] == []


@pytest.mark.parametrize("command", ["prometheus"])
def test_each_option_is_documented(command: str) -> None:
    """Every option of both commands stands in the page."""
    group = typer.main.get_command(app)
    names = [parameter.opts[0] for parameter in group.commands[command].params if parameter.opts[0].startswith("-")]  # type: ignore[attr-defined] # a group's commands, which the base class does not show
    assert names
    assert [name for name in names if name not in PAGE] == []

"""The page on shipping names every metric, option and setting of Prometheus that there is."""

from dataclasses import fields
from pathlib import Path

import typer.main

from logpipe.cli.ship import app
from logpipe_shippers.prometheus import exposition
from logpipe_shippers.prometheus.burn import WINDOWS
from logpipe_shippers.prometheus.objectives import Objective
from logpipe_shippers.prometheus.pushgateway import Settings
from tests.stores import passing_store

PAGE = (Path(__file__).parents[2] / "docs" / "shipping.md").read_text()


def test_each_metric_is_documented() -> None:
    """A metric that nobody can look up is none."""
    with passing_store() as store:
        text = exposition(store, objectives=[Objective("web", "up", availability=0.9)])
    types = [line.split() for line in text.decode().splitlines() if line.startswith("# TYPE")]
    assert len(types) > 30
    assert [name for _, _, name, _ in types if f"`{name}`" not in PAGE] == []


def test_each_option_is_documented() -> None:
    """Every option of the command stands in the page."""
    command = typer.main.get_command(app).commands["prometheus"]  # type: ignore[attr-defined] # a group's commands, which the base class does not show
    names = [parameter.opts[0] for parameter in command.params if parameter.opts[0].startswith("-")]
    assert len(names) > 10
    assert [name for name in names if name not in PAGE] == []


def test_each_setting_is_documented() -> None:
    """Those of a gateway and of an objective, and the windows of burn rates."""
    names = [field.name for kind in (Settings, Objective) for field in fields(kind)]
    assert [name for name in (*names, *WINDOWS) if name not in PAGE] == []

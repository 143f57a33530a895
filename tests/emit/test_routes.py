"""Where records would go, in a tree of loggers of its own."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from logpipe.emit.routes import routes, troubles
from logpipe.emit.stdlib import LogpipeHandler


def nowhere(build: Any, record: logging.LogRecord) -> None:
    """Takes a record."""


@pytest.fixture
def tree() -> logging.Manager:
    """Loggers as `setup_logging(level="INFO")` leaves them."""
    manager = logging.Manager(logging.RootLogger(logging.INFO))
    manager.root.manager = manager
    manager.root.addHandler(LogpipeHandler(nowhere))
    return manager


def told(tree: logging.Manager) -> list[tuple[str, str | None]]:
    """What is wrong, and with which logger."""
    return [(one.reason, one.logger) for one in troubles(logging.INFO, tree)]


def test_records_of_every_logger_reach_the_root(tree: logging.Manager) -> None:
    """With the level that they inherit; names without a logger are none."""
    tree.getLogger("shop.cart").setLevel(logging.DEBUG)
    tree.getLogger("shop.cart.items")
    root, cart, items = routes(tree)
    assert (root.logger, cart.logger, items.logger) == ("root", "shop.cart", "shop.cart.items")
    assert (root.own, cart.own, items.own) == (True, True, False)
    assert (root.level, cart.level, items.level) == ("INFO", "DEBUG", "DEBUG")
    assert [(target.logger, target.handler, target.ours) for target in items.targets] == [
        ("root", "setup_logging", True)
    ]
    assert told(tree) == []


def test_handlers_are_told_in_the_order_in_which_they_are_asked(tree: logging.Manager, tmp_path: Path) -> None:
    """With level, filters and where they write to."""
    file = logging.FileHandler(tmp_path / "old.log", delay=True)
    file.setLevel(logging.ERROR)
    file.addFilter(lambda record: True)
    tree.getLogger("shop").addHandler(file)
    tree.getLogger("shop").addFilter(lambda record: True)
    tree.root.addHandler(logging.StreamHandler(sys.__stderr__))
    shop = routes(tree)[1]
    assert shop.filters == 1
    assert [(target.handler, target.destination, target.level, target.filters) for target in shop.targets] == [
        ("logging.FileHandler", str(tmp_path / "old.log"), "ERROR", 1),
        ("setup_logging", None, "NOTSET", 0),
        ("logging.StreamHandler", "<stderr>", "NOTSET", 0),
    ]
    assert told(tree) == []


def disable(tree: logging.Manager) -> None:
    tree.getLogger("shop").disabled = True


def cut_off(tree: logging.Manager) -> None:
    tree.getLogger("shop").propagate = False


def keep_to_itself(tree: logging.Manager) -> None:
    tree.getLogger("shop").propagate = False
    tree.getLogger("shop").addHandler(logging.StreamHandler())


def write_twice(tree: logging.Manager) -> None:
    tree.getLogger("shop").addHandler(LogpipeHandler(nowhere))


def raise_level(tree: logging.Manager) -> None:
    tree.getLogger("shop").setLevel(logging.ERROR)


def raise_root(tree: logging.Manager) -> None:
    tree.root.setLevel(logging.ERROR)


def remove(tree: logging.Manager) -> None:
    tree.root.handlers.clear()


def disable_all(tree: logging.Manager) -> None:
    tree.disable = logging.WARNING


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (disable, [("disabled", "shop")]),
        (cut_off, [("no_handler", "shop")]),
        (keep_to_itself, [("not_written", "shop")]),
        (write_twice, [("written_twice", "shop")]),
        (raise_level, [("level", "shop")]),
        (raise_root, [("root_level", "root")]),
        (remove, [("removed", None)]),
        (disable_all, [("all_disabled", None)]),
    ],
)
def test_what_loses_records_is_told(
    tree: logging.Manager, change: Callable[[logging.Manager], None], expected: list[tuple[str, str | None]]
) -> None:
    """Each with its reason and its logger, once."""
    tree.getLogger("shop")
    change(tree)
    assert told(tree) == expected


def test_what_is_below_a_logger_that_keeps_its_records_is_told_too(tree: logging.Manager) -> None:
    """They go the same way."""
    tree.getLogger("uvicorn.access")
    uvicorn = tree.getLogger("uvicorn")
    uvicorn.propagate = False
    uvicorn.addHandler(logging.StreamHandler())
    found = troubles(logging.INFO, tree)
    assert [one.logger for one in found] == ["uvicorn", "uvicorn.access"]
    assert {one.remedy for one in found} == {"start uvicorn with log_config=None"}


def test_without_setup_logging_nothing_is_compared_with_it(tree: logging.Manager) -> None:
    """What goes nowhere is told all the same."""
    tree.root.handlers.clear()
    tree.getLogger("shop").setLevel(logging.ERROR)
    disable(tree)
    assert [one.reason for one in troubles(None, tree)] == ["disabled"]

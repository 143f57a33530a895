"""What tests of several parts share."""

import gc
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from logpipe.store import Store, rollup
from tests.commands import Done, call

IN_CI = "CI" in os.environ
settings.register_profile("untimed", deadline=None, derandomize=IN_CI, max_examples=50 if IN_CI else 100)
settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    """Have modules compiled once: each process that a test starts would spend seconds on that again."""
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        os.environ["PYTHONPYCACHEPREFIX"] = str(config.rootpath / ".pytest_cache" / "bytecode")
    os.environ.pop("COLUMNS", None)  # tables would be as wide as the terminal of whoever runs the tests


def pytest_collection_finish() -> None:
    """Have what all tests share, which is much and stays, not searched for garbage again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a small shop, for reading only; tests/shop.sql says what is in it."""
    path = tmp_path_factory.mktemp("shop") / "logs.duckdb"
    with Store.open(path) as store, store.transaction() as connection:
        connection.execute((Path(__file__).parent / "shop.sql").read_text())
        rollup.roll_up(connection, "events")
    return path


@pytest.fixture
def logpipe() -> Callable[..., Done]:
    """Runs `logpipe ARGUMENTS` in this process, with `stdin` as its standard input."""
    return call

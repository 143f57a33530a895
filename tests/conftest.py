"""What tests of several parts share."""

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from logpipe.cli.main import main
from logpipe.store import Store, rollup

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a small shop, for reading only; tests/shop.sql says what is in it."""
    path = tmp_path_factory.mktemp("shop") / "logs.duckdb"
    with Store.open(path) as store, store.transaction() as connection:
        connection.execute((Path(__file__).parent / "shop.sql").read_text())
        rollup.roll_up(connection, "events")
    return path


@dataclass(frozen=True)
class Done:
    """What a command left: exit code and both streams."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def logpipe(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Runs `logpipe ARGUMENTS` in this process, with `stdin` as its standard input."""

    def run(*arguments: str, stdin: str = "") -> Done:
        monkeypatch.setattr(sys, "argv", ["logpipe", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        out, err = capsys.readouterr()
        assert isinstance(code, int)
        return Done(code, out, err)

    return run

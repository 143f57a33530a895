"""One process at a time ships to a target, and forgets none that another ships to."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.commands import call
from tests.shippers.http_server import Answers, serving
from tests.shippers.ledger import add
from tests.stores import new_store

REMEDY = "end that one first, or ship under another name"


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "logs.duckdb"
    with new_store(path) as store:
        add(store, 1, 5)
    return path


@pytest.fixture
def server() -> Iterator[Answers]:
    with serving() as answers:
        yield answers


@contextmanager
def following(db: Path, url: str) -> Iterator["subprocess.Popen[str]"]:
    """`logpipe ship otlp --follow` to `otlp:main`, as soon as it ships; killed in the end."""
    command = [sys.executable, "-m", "logpipe", "ship", "otlp", "--follow", "--url", url, "--db", str(db)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline() == "shipping to otlp:main; Ctrl-C ends it\n"
            yield process
        finally:
            process.kill()


def test_a_target_is_one_process_alone(db: Path, tmp_path: Path, server: Answers) -> None:
    """Who else wants it is told who has it, and ships nothing, until that process has ended, even by a kill."""
    main, another = tmp_path / "main.toml", tmp_path / "another.toml"
    another.write_text(f'[otlp.another]\nurl = "{server.url}"\n')
    main.write_text(f'{another.read_text()}[otlp.main]\nurl = "{server.url}"\n')
    once = ("ship", "otlp", "--url", server.url)
    forget = ("ship", "forget", "otlp:main")
    with following(db, "http://localhost:1") as process:
        for words, remedy in (
            (once, REMEDY),
            ((*once, "--follow"), REMEDY),
            (("ship", "all", "--config", str(main)), REMEDY),
            (forget, "end that one first, or it would ship everything again"),
        ):
            done = call(*words, "--db", str(db))
            assert (done.returncode, " ".join(done.stderr.split())) == (
                1,
                f"error: otlp:main is in use by process {process.pid} (logpipe ship otlp --follow); {remedy}",
            )
        assert server.got == []
        assert call("ship", "all", "--config", str(another), "--db", str(db)).returncode == 0  # which nobody has
    for words in (once, ("ship", "all", "--config", str(main)), forget):
        assert call(*words, "--db", str(db)).returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {"logs.duckdb", "main.toml", "another.toml"}

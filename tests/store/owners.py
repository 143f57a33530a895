"""Processes that own a database, for tests of sharing."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from logpipe.store import run_file
from logpipe.store.run_file import RunFile

LOGPIPE = str(Path(sys.executable).with_name("logpipe"))
DEADLINE_S = 240.0


@contextmanager
def following(database: Path, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`logpipe ingest --follow` on a folder, sharing its database when the block begins."""
    command = [LOGPIPE, "ingest", "--follow", str(folder), "--db", str(database)]
    with process(command, database.parent) as owner:
        until(lambda: is_shared(database, owner))
        yield owner


@contextmanager
def process(command: list[str], folder: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """A process that is killed when the block ends, unless it has ended before."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=folder) as running:
        try:
            yield running
        finally:
            running.kill()


def until(true: Callable[[], object]) -> None:
    """Ask again and again, until it is so."""
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def is_shared(database: Path, owner: subprocess.Popen[str]) -> bool:
    """Whether the process shares it by now."""
    if owner.poll() is not None:
        _, err = owner.communicate()
        raise AssertionError(f"the owner ended: {err}")
    shared = RunFile.read(str(database))
    return shared is not None and shared.pid == owner.pid


def owner_of(database: Path) -> RunFile:
    """The run file, which must be there."""
    shared = RunFile.read(str(database))
    assert shared is not None, f"no {run_file.path_of(str(database))}"
    return shared

"""Exceptions that nothing caught are in the log, and on standard error as ever."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Written = Callable[..., list[dict[str, object]]]

SETUP = """
import sys, threading
from logpipe import setup_logging
{before}
setup_logging(service="shop", log_dir=sys.argv[1], console=False, uncaught={uncaught})
def work():
    raise LookupError("gone")
"""


def run(tmp_path: Path, code: str, *, uncaught: bool = True, before: str = "") -> "subprocess.CompletedProcess[str]":
    """Runs the code after a setup."""
    program = SETUP.format(uncaught=uncaught, before=before) + code
    return subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True)


def test_an_uncaught_exception_is_critical(tmp_path: Path, written: Written) -> None:
    """With the place where it was raised; Python still prints it and still fails."""
    done = run(tmp_path, "work()")
    assert done.returncode == 1
    assert "LookupError: gone" in done.stderr
    (record,) = written()
    assert (record["level"], record["logger"], record["function"]) == ("CRITICAL", "uncaught", "work")
    assert (record["exception_type"], record["exception_message"]) == ("LookupError", "gone")


def test_one_in_a_thread_is_an_error(tmp_path: Path, written: Written) -> None:
    """The process goes on."""
    done = run(tmp_path, "t = threading.Thread(target=work); t.start(); t.join()")
    assert done.returncode == 0
    assert [(record["level"], record["exception_type"]) for record in written()] == [("ERROR", "LookupError")]


def test_the_hook_before_is_called(tmp_path: Path, written: Written) -> None:
    """Ours adds to it."""
    done = run(tmp_path, "work()", before="sys.excepthook = lambda *a: print('theirs', file=sys.stderr)")
    assert done.stderr == "theirs\n"
    assert len(written()) == 1


@pytest.mark.parametrize(
    ("code", "uncaught"), [("work()", False), ("raise KeyboardInterrupt", True), ("sys.exit(3)", True)]
)
def test_leaving_is_no_failure(tmp_path: Path, written: Written, code: str, uncaught: bool) -> None:
    """An interrupt or an exit is not logged, nor is anything with the hook off."""
    run(tmp_path, code, uncaught=uncaught)
    assert written() == []

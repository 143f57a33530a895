"""Exceptions that nothing caught are in the log, and on standard error as ever."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from logpipe import Logging

Written = Callable[..., list[dict[str, object]]]

SETUP = """
import sys, threading
from logpipe import setup_logging
{before}
def setup():
    return setup_logging(service="shop", log_dir=sys.argv[1], console=False, uncaught={uncaught})
installed = setup()
def work():
    raise LookupError("gone")
class Raises:
    def __del__(self):
        work()
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
    assert "LookupError: gone" in done.stderr
    assert [(record["level"], record["exception_type"]) for record in written()] == [("ERROR", "LookupError")]


@pytest.mark.parametrize(
    ("code", "ignored_in"),
    [
        ("Raises()", "<function Raises.__del__"),
        (
            "import weakref; a = type('A', (), {})(); r = weakref.ref(a, lambda _: work()); del a",
            "<lambda>",
        ),
        ("def g():\n try: yield\n finally: work()\nit = g(); next(it); del it", "<generator object g"),
    ],
)
def test_one_that_python_ignores_is_an_error(tmp_path: Path, written: Written, code: str, ignored_in: str) -> None:
    """It is printed as ever, too; the record tells where it was ignored."""
    done = run(tmp_path, code)
    assert done.returncode == 0
    assert "LookupError: gone" in done.stderr
    (record,) = written()
    assert (record["level"], record["logger"], record["function"]) == ("ERROR", "uncaught", "work")
    assert record["exception_type"] == "LookupError"
    assert ignored_in in str(record["ignored_in"])


def test_one_at_the_very_end_disturbs_nothing(tmp_path: Path, written: Written) -> None:
    """Python prints it where it can; there is no fault of the hook's own."""
    done = run(tmp_path, "kept = Raises(); sys.kept = Raises(); import builtins; builtins.kept = Raises()")
    assert done.returncode == 0
    assert "logpipe" not in done.stderr
    assert "sys.unraisablehook" not in done.stderr
    assert done.stderr.count("LookupError: gone") >= 1
    assert {record["exception_type"] for record in written()} <= {"LookupError"}


@pytest.mark.parametrize(
    ("before", "code"),
    [
        ("sys.excepthook = theirs", "work()"),
        ("threading.excepthook = theirs", "threading.Thread(target=work).start()"),
        ("sys.unraisablehook = theirs", "Raises()"),
    ],
)
def test_the_hook_before_is_called(tmp_path: Path, written: Written, before: str, code: str) -> None:
    """Ours adds to it."""
    done = run(tmp_path, code, before=f"def theirs(*a): print('theirs', file=sys.stderr)\n{before}")
    assert done.stderr == "theirs\n"
    assert len(written()) == 1


@pytest.mark.parametrize("hook", ["sys.excepthook", "threading.excepthook", "sys.unraisablehook"])
def test_close_gives_the_hook_back(tmp_path: Path, written: Written, hook: str) -> None:
    """The one before stands again."""
    done = run(
        tmp_path,
        f"ours = {hook}; installed.close(); print(ours is theirs, {hook} is theirs)",
        before=f"theirs = {hook}",
    )
    assert done.stdout == "False True\n"


@pytest.mark.parametrize(
    ("hook", "code"),
    [
        ("sys.excepthook", "work()"),
        ("threading.excepthook", "threading.Thread(target=work).start()"),
        ("sys.unraisablehook", "Raises()"),
    ],
)
def test_a_second_setup_under_anothers_hook_logs_once(tmp_path: Path, written: Written, hook: str, code: str) -> None:
    """The first cannot be taken out from under it, but is silent."""
    run(tmp_path, f"ours = {hook}\n{hook} = lambda *a: ours(*a)\nsetup()\n{code}")
    assert len(written()) == 1


def test_a_fault_while_it_is_logged_is_not_in_the_way(tmp_path: Path, written: Written) -> None:
    """A filter of the application's that raises costs the record, and not what is printed."""
    refuse = "import logging\nlogging.getLogger('uncaught').addFilter(lambda record: 1 / 0)\n"
    done = run(tmp_path, f"{refuse}work()")
    assert "LookupError: gone" in done.stderr
    assert "ZeroDivisionError" not in done.stderr
    assert written() == []


@pytest.mark.parametrize(
    ("code", "uncaught"),
    [
        ("work()", False),
        ("Raises()", False),
        ("raise KeyboardInterrupt", True),
        ("sys.exit(3)", True),
        ("raise BaseExceptionGroup('all', [KeyboardInterrupt(), BaseExceptionGroup('b', [SystemExit()])])", True),
        ("threading.Thread(target=sys.exit).start()", True),
        ("def work(): raise KeyboardInterrupt\nRaises()", True),
    ],
)
def test_leaving_is_no_failure(tmp_path: Path, written: Written, code: str, uncaught: bool) -> None:
    """An interrupt or an exit is not logged, nor is anything with the hooks off."""
    run(tmp_path, code, uncaught=uncaught)
    assert written() == []


def test_an_exception_of_ones_own_kind_is_a_failure(tmp_path: Path, written: Written) -> None:
    """Not all are an Exception: a panic in Rust is none, for one."""
    run(tmp_path, "class Panic(BaseException): pass\nraise Panic('index out of bounds')")
    (record,) = written()
    assert record["exception_type"] == "__main__.Panic"


def test_a_task_that_nobody_awaits_is_an_error(shop: Logging, written: Written) -> None:
    """asyncio logs it; it is there once, with its stack trace."""

    async def work() -> None:
        raise LookupError("gone")

    async def main() -> None:
        task = asyncio.create_task(work())
        await asyncio.wait([task])
        del task

    asyncio.run(main())
    (record,) = written("error")
    assert (record["logger"], record["exception_type"]) == ("asyncio", "LookupError")
    assert str(record["message"]).startswith("Task exception was never retrieved")
    assert "in work" in str(record["exception_stacktrace"])


def test_a_callback_that_raises_is_an_error(shop: Logging, written: Written) -> None:
    """As above."""

    async def main() -> None:
        asyncio.get_running_loop().call_soon(int, "x")
        await asyncio.sleep(0)

    asyncio.run(main())
    (record,) = written("error")
    assert (record["logger"], record["exception_type"]) == ("asyncio", "ValueError")
    assert str(record["message"]).startswith("Exception in callback")

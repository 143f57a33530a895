"""What Python warns of is in the log, and on standard error as ever."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Written = Callable[..., list[dict[str, object]]]

SETUP = """
import logging, sys, warnings
from logpipe import setup_logging
{before}
installed = setup_logging(service="shop", log_dir=sys.argv[1], console=False, {settings})
class OldWarning(UserWarning): pass
def old():
    warnings.warn("use new()", OldWarning, stacklevel={stacklevel})
def caller():
    old()
"""
FIRST_LINE = SETUP[: SETUP.index("    warnings.warn")].count("\n") + 1


def run(
    tmp_path: Path, code: str = "caller()", *, settings: str = "", before: str = "", stacklevel: int = 1
) -> "subprocess.CompletedProcess[str]":
    """Runs the code after a setup."""
    program = SETUP.format(settings=settings, before=before, stacklevel=stacklevel) + code
    return subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True)


@pytest.mark.parametrize(("stacklevel", "function", "line"), [(1, "old", FIRST_LINE), (2, "caller", FIRST_LINE + 2)])
def test_a_warning_is_a_record(tmp_path: Path, written: Written, stacklevel: int, function: str, line: int) -> None:
    """Its place is the one that is blamed; Python still prints it."""
    done = run(tmp_path, stacklevel=stacklevel)
    assert f"<string>:{line}: OldWarning: use new()" in done.stderr
    (record,) = written()
    assert (record["level"], record["stream"], record["logger"]) == ("WARNING", "app", "py.warnings")
    assert (record["message"], record["warning_category"]) == ("use new()", "__main__.OldWarning")
    assert (record["function"], record["line"]) == (function, line)


def test_one_without_a_call_has_its_line(tmp_path: Path, written: Written) -> None:
    """A compiler's warning comes from a file, not from a frame."""
    run(tmp_path, "compile('1 is 1', 'shop/rules.py', 'exec')")
    (record,) = written()
    assert (record["module"], record["line"]) == ("rules", 1)
    assert record["warning_category"] == "SyntaxWarning"


@pytest.mark.parametrize(
    ("settings", "before", "code"),
    [
        ("warnings=False", "", "caller()"),
        ("level='ERROR'", "", "caller()"),
        ("", "", "installed.close(); caller()"),
        ("", "", "warnings.showwarning('m', UserWarning, 'a.py', 3, file=sys.stdout)"),
        ("", "warnings.simplefilter('ignore')", "caller()"),
    ],
)
def test_it_can_be_switched_off(tmp_path: Path, written: Written, settings: str, before: str, code: str) -> None:
    """By the setting, the level, the end of the setup, and Python's filters; one for a file is for that file."""
    done = run(tmp_path, code, settings=settings, before=before)
    assert done.returncode == 0
    assert written() == []


def test_one_is_printed_after_close(tmp_path: Path) -> None:
    """Python's own way stands again."""
    done = run(
        tmp_path,
        "installed.close(); caller()\nprint(warnings.showwarning is theirs)",
        before="theirs = warnings.showwarning",
    )
    assert "OldWarning: use new()" in done.stderr
    assert done.stdout == "True\n"


@pytest.mark.parametrize(
    ("before", "code"), [("logging.captureWarnings(True)", ""), ("", "logging.captureWarnings(True)\n")]
)
def test_what_the_application_captures_is_not_doubled(tmp_path: Path, written: Written, before: str, code: str) -> None:
    """Its own `logging.captureWarnings` makes the record, whether it came first or last."""
    done = run(tmp_path, f"{code}caller()", before=before)
    assert done.stderr == ""
    (record,) = written()
    assert record["logger"] == "py.warnings"
    assert "OldWarning: use new()" in str(record["message"])

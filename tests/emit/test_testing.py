"""The fixture that tests of users assert on."""

import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest
from loguru import logger as loguru_logger

from logpipe import get_logger, log_business_event, log_context, log_performance, timed
from logpipe.testing import Logged, capture


def test_records_of_all_front_ends_are_captured(logged: Logged) -> None:
    """As they would stand in the files, in the order in which they were made."""
    with log_context(request_id="r-1"):
        get_logger("shop").debug("%s is low", "stock", extra={"item": 7})
        loguru_logger.bind(item=8).info("by loguru")
        log_business_event("order_placed", total=42)
    log_performance("query", 12.5)
    assert logged.messages[:3] == ["stock is low", "by loguru", "order_placed"]
    assert [record.stream for record in logged] == ["app", "app", "business", "performance"]
    first = logged[0]
    assert (first.template, first["item"], first.request_id, first.seq) == ("%s is low", 7, "r-1", 1)
    assert logged.one(event="query").duration_ms == 12.5


def test_one_finds_by_value_by_pattern_and_by_presence(logged: Logged) -> None:
    """What is asked for is any field; nothing equals a field that is not there."""
    get_logger("a").warning("first", extra={"n": 1})
    get_logger("b").error("second", extra={"n": None})
    assert logged.one(logger="a") == logged[0]
    assert logged.one(message=re.compile("^sec")).logger == "b"
    assert len(logged.all(n=...)) == 2
    assert logged.all(missing=None) == []
    logged.none(level="CRITICAL")
    logged.clear()
    logged.none()


def test_what_was_logged_instead_is_said(logged: Logged) -> None:
    """Who reads the failure need not run the test again."""
    get_logger("shop").warning("cart %s is large", 7, extra={"items": 99})
    with pytest.raises(AssertionError) as none:
        logged.one(level="ERROR")
    assert str(none.value) == "no record with level='ERROR'; logged were:\n  WARNING shop: cart 7 is large items=99"
    get_logger("shop").warning("again")
    with pytest.raises(AssertionError, match="2 records with level='WARNING', where one should be"):
        logged.one(level="WARNING")
    with pytest.raises(AssertionError, match="a record with items=99, where none should be"):
        logged.none(items=99)
    assert repr(logged).endswith("\n  WARNING shop: again")
    with pytest.raises(AttributeError, match="the record has no total, but timestamp, level"):
        _ = logged[0].total


def test_exceptions_and_outcomes_are_fields(logged: Logged) -> None:
    """An exception is asserted on as anything else."""

    @timed(event="charge")
    def charge() -> None:
        raise ValueError("no money")

    try:
        charge()
    except ValueError:
        get_logger().exception("failed")
    assert logged.one(event="charge").outcome == "error"
    failed = logged.one(level="ERROR")
    assert (failed.exception_type, failed.exception_message) == ("ValueError", "no money")


def test_capturing_gives_back_what_was_there() -> None:
    """The root logger is as before, also after a failure."""
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    with pytest.raises(ZeroDivisionError), capture():
        raise ZeroDivisionError
    assert (root.level, root.handlers[:]) == before
    with capture() as outer, capture() as inner:
        get_logger().info("both")
    assert outer.messages == inner.messages == ["both"]


def test_sinks_of_loguru_stay() -> None:
    """Its default one, too, which a setup takes away; and nothing is captured any more."""
    code = (
        "from loguru import logger; from logpipe.testing import capture\n"
        "with capture() as logged: logger.info('inside')\n"
        "logger.info('outside'); print(logged.messages)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['inside']\n"
    assert "inside" in done.stderr
    assert "outside" in done.stderr


def test_the_fixture_is_there_without_an_import(tmp_path: Path) -> None:
    """pytest finds it by the package's entry point."""
    (tmp_path / "test_it.py").write_text(
        "import logging\ndef test_it(logged):\n    logging.info('hello')\n    assert logged.one().message == 'hello'\n"
    )
    others = [f"-pno:{name}" for name in ("cacheprovider", "randomly", "xdist", "xdist.looponfail", "hypothesispytest")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *others, str(tmp_path)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout

"""Records within records: signal handlers interrupt each other, and values log while they are put into words."""

import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest

from logpipe import Logging, get_logger
from logpipe.emit.nesting import MOST_NESTED

Start = Callable[..., Logging]
Written = Callable[..., list[dict[str, Any]]]


@pytest.fixture(params=["C", "C and then Python", "Python with the C there", "Python"])
def say(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, start: Start, alone: Callable[[], None]
) -> Callable[[object], None]:
    """Logs a value on one of the ways that records take."""
    if request.param == "Python":
        monkeypatch.setitem(sys.modules, "logpipe.emit._native", None)
    start(console="text" if request.param == "Python with the C there" else "off")
    words = "password=x \udcff" if request.param == "C and then Python" else "password=x"  # rendered twice for each

    def log(value: object) -> None:
        alone()  # pytest has others for each phase of a test
        get_logger("shop").info(words, extra={"value": value})

    return log


class LogsItself:
    """Logs whenever it is put into words."""

    def __init__(self, say: Callable[[object], None]) -> None:
        self.say = say
        self.asked = 0

    def __str__(self) -> str:
        self.asked += 1
        self.say(self)
        return "itself"


class Logs:
    """Logs one that logs one that logs one, so many times."""

    def __init__(self, say: Callable[[object], None], left: int) -> None:
        self.say, self.left = say, left
        self.said = False

    def __str__(self) -> str:
        if self.left and not self.said:
            self.said = True
            self.say(Logs(self.say, self.left - 1))
        return f"{self.left} left"


def flush() -> None:
    """Has what was dropped told."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def test_a_value_that_logs_itself_ends_soon(say: Callable[[object], None], written: Written) -> None:
    """However often each record puts it into words; each of its records is written or counted."""
    value = LogsItself(say)
    say(value)
    assert MOST_NESTED <= value.asked < 30 * MOST_NESTED
    flush()
    records = written("app")
    dropped = [record["count"] for record in records if record.get("event") == "logpipe.dropped"]
    assert len(records) - len(dropped) + sum(dropped) == value.asked + 1
    assert len(records) - len(dropped) >= MOST_NESTED
    say("after")
    assert written("app")[-1]["value"] == "after"


def test_thirty_records_within_one_another_are_written(say: Callable[[object], None], written: Written) -> None:
    """As of handlers of a signal that comes a thousand times a second."""
    say(Logs(say, 29))
    assert {record["value"] for record in written("app")} == {f"{left} left" for left in range(30)}


def test_the_c_has_the_same_bound() -> None:
    """What is written does not depend on the way that a record takes."""
    native = pytest.importorskip("logpipe.emit._native")
    assert native.MOST_NESTED == MOST_NESTED

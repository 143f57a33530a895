"""Messages that repeat: a few are written, the others counted and told."""

import os
import threading
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from logpipe import Logging, get_logger, log_business_event, log_performance

Start = Callable[..., Logging]
Written = Callable[..., list[dict[str, object]]]
Clock = SimpleNamespace


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of windows, which passes when a test says so."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr("logpipe.emit.repeats.time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def told(records: list[dict[str, object]]) -> list[dict[str, object]]:
    """The records about messages that repeated."""
    return [record for record in records if record.get("event") == "logpipe.repeated"]


def test_nothing_is_limited_by_default(start: Start, written: Written) -> None:
    """Nobody is surprised."""
    start()
    for _ in range(500):
        get_logger("a").info("again")
    assert len(written()) == 500


def test_after_the_limit_a_message_is_counted_until_the_window_ends(
    start: Start, written: Written, clock: Clock
) -> None:
    """Then one record says how often it was repeated, from when to when, and the next window begins."""
    start(repeat_limit=2, repeat_window_s=10)
    for number in range(7):
        get_logger("db").warning("connection %d lost", number)
    get_logger("a").info("something else")
    assert len(written()) == 3
    assert told(written()) == []
    clock.now += 11
    get_logger("db").warning("connection %d lost", 7)
    messages = [record["message"] for record in written()]
    assert messages[2:] == ["something else", "connection %d lost … repeated 5 more times", "connection 7 lost"]
    (record,) = told(written())
    assert (record["count"], record["level"], record["logger"]) == (5, "WARNING", "db")
    assert record["template"] == "connection %d lost"
    assert str(record["first"]) <= str(record["last"]) <= str(record["timestamp"])


def test_any_record_after_the_window_tells(start: Start, written: Written, clock: Clock) -> None:
    """A message that stopped is not forgotten."""
    start(repeat_limit=1, repeat_window_s=10)
    for _ in range(3):
        get_logger("a").info("again")
    clock.now += 11
    get_logger("a").info("other")
    get_logger("a").info("third")
    assert [record["count"] for record in told(written())] == [2]


def test_flush_and_close_tell_what_is_counted(start: Start, written: Written) -> None:
    """And what comes after in the same window is counted on."""
    installed = start(repeat_limit=1)
    for _ in range(3):
        get_logger("a").info("again")
    installed.flush()
    get_logger("a").info("again")
    installed.close()
    assert [record["count"] for record in told(written())] == [2, 1]
    assert [record["seq"] for record in written()] == [1, 2, 3]


def test_errors_are_limited_and_told_as_errors(start: Start, written: Written) -> None:
    """One kind of exception does not hide another with the same words."""
    installed = start(repeat_limit=1)
    for error in (KeyError, KeyError, ValueError, KeyError):
        try:
            raise error("x")
        except LookupError:
            get_logger("a").exception("failed")
        except ValueError:
            get_logger("a").exception("failed")
    installed.flush()
    assert [record["exception_type"] for record in written("error")] == ["KeyError", "ValueError", "KeyError"]
    (record,) = told(written("error"))
    assert (record["count"], record["level"]) == (2, "ERROR")


def test_loggers_and_levels_have_limits_of_their_own(start: Start, written: Written) -> None:
    """The same words elsewhere are another message."""
    start(repeat_limit=1)
    for name in ("a", "b"):
        get_logger(name).info("m")
        get_logger(name).warning("m")
    assert len(written()) == 4


def test_business_and_performance_are_not_limited(start: Start, written: Written) -> None:
    """They say the same each time, and each counts."""
    start(repeat_limit=1)
    for _ in range(3):
        log_business_event("sold")
        log_performance("query", 1)
    assert len(written()) == 6


def test_a_thousand_messages_are_known_and_none_is_forgotten_untold(start: Start, written: Written) -> None:
    """The one that was logged longest ago makes room, and what was counted of it is told."""
    start(repeat_limit=1)
    for message in ("the first", "the second", "the first"):
        for _ in range(3):
            get_logger("a").info(message)
    for number in range(999):
        get_logger("a").info(f"message {number}")
    assert [(record["template"], record["count"]) for record in told(written())] == [("the second", 2)]


def test_all_that_threads_log_is_written_or_counted(start: Start, written: Written) -> None:
    """None twice, none not at all."""
    installed = start(repeat_limit=5)

    def log() -> None:
        for number in range(500):
            get_logger("a").info("number %d", number)

    threads = [threading.Thread(target=log) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    installed.flush()
    (record,) = told(written())
    assert (record["count"], len(written())) == (1995, 6)


def test_a_child_tells_only_what_it_counted_itself(
    start: Start, written: Written, forked: Callable[[Callable[[], object]], int]
) -> None:
    """The parent tells of its own."""
    installed = start(repeat_limit=1)
    for _ in range(3):
        get_logger("a").info("again")
    forked(installed.flush)
    installed.flush()
    assert Counter(record["process"] for record in told(written())) == {os.getpid(): 1}


def test_a_secret_where_the_message_is_cut_is_out(start: Start, written: Written) -> None:
    """Half a token would not be known for one."""
    installed = start(repeat_limit=1)
    for _ in range(2):
        get_logger("a").info("x" * 280 + " ghp_" + "aB3" * 12)
    installed.flush()
    (record,) = told(written())
    assert str(record["message"]).startswith("x" * 280 + " [redacted] … repeated 1 more times")
    assert "ghp_" not in str(record)

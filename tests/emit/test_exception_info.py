"""`exc_info` and `stack_info`, in all the ways in which `logging` takes them."""

import io
import logging
import traceback
from collections.abc import Callable

import pytest

from logpipe import Logging, get_logger

Written = Callable[..., list[dict[str, object]]]

RAISED = {"exception_type", "exception_message", "exception_stacktrace"}


def fail() -> None:
    """Raises."""
    raise LookupError("gone")


def caught() -> LookupError:
    """An exception that was raised, and handled."""
    try:
        fail()
    except LookupError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize("given", [True, 1, "yes"])
def test_true_is_the_exception_at_hand(shop: Logging, written: Written, given: object) -> None:
    """In a handler, at any level."""
    try:
        fail()
    except LookupError as error:
        get_logger().warning("failed", exc_info=given)  # type: ignore[arg-type]  # anything true will do
        expected = "".join(traceback.format_exception(error)).rstrip("\n")
    (record,) = written()
    assert (record["exception_type"], record["exception_message"]) == ("LookupError", "gone")
    assert record["exception_stacktrace"] == expected


def test_an_exception_may_be_given(shop: Logging, written: Written) -> None:
    """Itself or as a tuple, outside of any handler."""
    error = caught()
    get_logger().info("failed", exc_info=error)
    get_logger().info("failed", exc_info=(type(error), error, error.__traceback__))
    one, other = written()
    assert one["exception_stacktrace"] == other["exception_stacktrace"]
    assert "in fail\n" in str(one["exception_stacktrace"])


def test_one_that_was_never_raised_has_no_frames(shop: Logging, written: Written) -> None:
    """Its last line is all that there is."""
    get_logger().info("failed", exc_info=LookupError("gone"))
    get_logger().info("failed", exc_info=(LookupError, LookupError("gone"), None))
    assert [record["exception_stacktrace"] for record in written()] == ["LookupError: gone"] * 2


def test_a_class_without_an_exception_is_written(shop: Logging, written: Written) -> None:
    """As old code has it."""
    get_logger().handle(logging.makeLogRecord({"levelno": 20, "msg": "m", "exc_info": (LookupError, None, None)}))
    (record,) = written()
    assert (record["message"], record["exception_type"]) == ("m", "LookupError")


@pytest.mark.parametrize("given", [True, False, None, (None, None, None), 0])
def test_nothing_raised_is_nothing_told(shop: Logging, written: Written, given: object) -> None:
    """Outside of a handler there is no exception, whatever is asked for and other handlers make of it."""
    before = logging.StreamHandler(io.StringIO())
    logger = get_logger("shop.cart")
    logger.addHandler(before)  # its formatter leaves "NoneType: None" in the record
    logger.error("m", exc_info=given)  # type: ignore[arg-type]  # 0 is common, too
    logger.removeHandler(before)
    (record,) = written()
    assert RAISED.isdisjoint(record)
    assert record["message"] == "m"


@pytest.mark.parametrize("given", [True, "yes", (LookupError, 2), caught(), (1, 2, 3), object()])
def test_a_record_made_by_hand_is_not_lost(
    shop: Logging, written: Written, alone: Callable[[], None], given: object
) -> None:
    """Its `exc_info` may be what only a logger's methods take, or nonsense."""
    alone()
    get_logger().handle(logging.makeLogRecord({"levelno": 40, "levelname": "ERROR", "msg": "m", "exc_info": given}))
    (record,) = written()
    assert record["message"] == "m"
    assert record.get("exception_type") == ("LookupError" if isinstance(given, LookupError) else None)


def test_the_stack_of_the_call_is_kept_beside_the_exceptions(shop: Logging, written: Written) -> None:
    """`stack_info` says where it was logged, the exception where it was raised."""
    try:
        fail()
    except LookupError:
        get_logger().exception("failed", stack_info=True)
    (record,) = written()
    assert str(record["stack"]).startswith("Stack (most recent call last):\n")
    assert "stack_info=True" in str(record["stack"])
    assert "in fail\n" in str(record["exception_stacktrace"])


def test_an_exception_whose_words_fail_keeps_its_frames(shop: Logging, written: Written) -> None:
    """And its class."""

    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    get_logger().info("failed", exc_info=MuteError())
    (record,) = written()
    assert record["exception_message"] == "<unprintable MuteError>"
    assert str(record["exception_stacktrace"]).endswith("MuteError: <exception str() failed>")


def test_a_recursion_without_end_is_logged_near_its_bottom(shop: Logging, written: Written) -> None:
    """Where there is room for a few calls more, and a thousand frames to tell."""
    above_the_bottom = 0

    def fall() -> None:
        nonlocal above_the_bottom
        try:
            fall()
        except RecursionError:
            above_the_bottom += 1
            if above_the_bottom == 70:
                get_logger().exception("too deep")
            raise

    with pytest.raises(RecursionError):
        fall()
    (record,) = written()
    assert record["exception_type"] == "RecursionError"
    assert "more times]" in str(record["exception_stacktrace"])


class UnspeakableError(Exception):
    """Neither of its words can be had."""

    def __str__(self) -> str:
        raise UnspeakableError

    __repr__ = __str__


class Undecided:
    """Neither true nor false."""

    def __bool__(self) -> bool:
        raise UnspeakableError


def test_an_error_that_cannot_be_put_into_words_stays_in_the_logger(
    shop: Logging, written: Written, alone: Callable[[], None]
) -> None:
    """What is not written is told at least."""
    alone()
    get_logger().handle(logging.makeLogRecord({"levelno": 40, "msg": "m", "exc_info": Undecided()}))
    (record,) = written()
    assert record["message"] == "a record could not be rendered: <unprintable UnspeakableError>"


def test_drops_whose_cause_cannot_be_put_into_words_are_told(
    shop: Logging, written: Written, alone: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Now and, where no record can be made of it either, later."""
    alone()

    def fail(*_: object) -> None:
        raise UnspeakableError

    hostile = logging.makeLogRecord({"levelno": 40, "msg": "m", "exc_info": Undecided()})
    with monkeypatch.context() as patched:
        patched.setattr("logpipe.emit.emitter.compose", fail)
        get_logger().handle(hostile)
        get_logger().handle(hostile)
        shop.flush()
    assert written() == []
    shop.flush()
    (record,) = written()
    assert (record["event"], record["count"]) == ("logpipe.dropped", 2)
    assert record["reason"] == "<unprintable UnspeakableError>"


def test_what_stands_in_for_a_record_tells_whether_that_had_a_number(
    start: Callable[..., Logging], written: Written, alone: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one has that was built, and failed when it was rendered."""
    alone()
    start(console="text")  # in Python

    def fail_once(*_: object) -> None:
        patched.undo()
        raise ValueError

    with monkeypatch.context() as patched:
        patched.setattr("logpipe.emit.redaction.render", fail_once)
        get_logger().info("m")
    get_logger().handle(logging.makeLogRecord({"levelno": 20, "msg": "m", "exc_info": Undecided()}))
    assert [(record["seq"], record["numbers"]) for record in written()] == [(2, 1), (3, 0)]

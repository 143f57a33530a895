"""The record: its keys, their order, their types."""

import asyncio
import contextvars
import re
import threading
from collections.abc import Callable, Iterator

import pytest

from logpipe import Logging, get_logger, log_business_event, log_context
from logpipe.record import KEYS

Start = Callable[..., Logging]
Written = Callable[..., list[dict[str, object]]]


def test_a_full_record_has_its_keys_in_order(start: Start, written: Written) -> None:
    """As logpipe.record lists them, then all others; nothing is null."""
    fields: dict[str, object] = dict.fromkeys(
        ("event", "http_path", "http_method", "http_route", "db_system", "db_statement"), "text"
    )
    fields |= {"colour": "red", "http_status": "500", "user_id": "u", "duration_ms": 1.5}
    start(environment="test", version="1.2")
    with log_context(trace_id="t", span_id="s", request_id="r"):
        try:
            dict[str, int]()["k"]
        except KeyError:
            get_logger("shop.cart").exception("no %s", "luck", extra=fields)
    (record,) = written()
    assert tuple(record) == (*KEYS, "colour")
    assert None not in record.values()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", str(record["timestamp"]))
    assert (record["level"], record["stream"], record["logger"]) == ("ERROR", "error", "shop.cart")
    assert (record["message"], record["template"]) == ("no luck", "no %s")
    assert (record["environment"], record["version"]) == ("test", "1.2")
    assert (record["exception_type"], record["exception_message"]) == ("KeyError", "'k'")
    assert str(record["exception_stacktrace"]).startswith("Traceback (most recent call last):\n")
    assert record["thread"] == threading.current_thread().name


def test_a_bare_record_has_no_key_without_a_value(shop: Logging, written: Written) -> None:
    """No template without arguments, no exception without one, no null."""
    get_logger("a").info("100 %", extra={"user_id": None})
    (record,) = written()
    assert set(record).isdisjoint({"template", "exception_type", "user_id", "environment", "event"})
    assert record["message"] == "100 %"


@pytest.mark.parametrize(
    ("number", "level"),
    [(7, "TRACE"), (5, "TRACE"), (10, "DEBUG"), (25, "INFO"), (30, "WARNING"), (49, "ERROR"), (99, "CRITICAL")],
)
def test_a_level_is_the_nearest_lower_one_of_the_record(
    shop: Logging, written: Written, number: int, level: str
) -> None:
    """Python's numbers are open, the record's levels are six; a name of one's own is kept."""
    get_logger().log(number, "m")
    (record,) = written()
    assert record["level"] == level
    assert record.get("level_name") == (None if number % 10 == 0 or number == 5 else f"Level {number}")


def test_names_of_the_emitter_are_kept_beside_its_own(shop: Logging, written: Written) -> None:
    """`level`, `service` and the like get an underscore, and as many as it takes."""
    log_business_event("e", event_data={"service": "theirs", "service_": "taken", "timestamp": 1, "seq": "x"})
    (record,) = written()
    assert record["service"] == "shop"
    assert (record["service_"], record["service__"]) == ("taken", "theirs")
    assert (record["timestamp_"], record["seq_"]) == (1, "x")


@pytest.mark.parametrize(
    ("key", "value", "kept_as", "kept"),
    [
        ("user_id", 42, "user_id", "42"),
        ("http_status", "404", "http_status", 404),
        ("http_status", -1, "http_status_", -1),
        ("http_status", True, "http_status_", True),
        ("duration_ms", "fast", "duration_ms_", "fast"),
        ("duration_ms", float("nan"), "duration_ms_", None),
        ("duration_ms", 10**400, "duration_ms_", str(10**400)),
        ("request_id", {"a": 1}, "request_id_", {"a": 1}),
    ],
)
def test_a_field_of_another_type_is_converted_or_kept_beside(
    shop: Logging, written: Written, key: str, value: object, kept_as: str, kept: object
) -> None:
    """What its column cannot hold becomes an attribute."""
    get_logger().info("m", extra={key: value})
    (record,) = written()
    assert record[kept_as] == kept
    assert kept_as == key or key not in record


def test_an_exception_tells_its_causes(shop: Logging, written: Written) -> None:
    """The stack trace has the chain, and the type its module."""
    try:
        try:
            int("cause")
        except ValueError as error:
            raise asyncio.QueueFull("effect") from error
    except asyncio.QueueFull:
        get_logger().exception("failed", extra={"exception_type": "mine"})
    (record,) = written("error")
    assert record["exception_type"] == "asyncio.queues.QueueFull"
    assert record["exception_type_"] == "mine"
    stack = str(record["exception_stacktrace"])
    assert "ValueError: invalid literal" in stack
    assert "The above exception was the direct cause" in stack
    assert stack.endswith("asyncio.queues.QueueFull: effect")


def test_exception_outside_of_a_handler_is_an_ordinary_error(shop: Logging, written: Written) -> None:
    """`log.exception` where nothing was raised has no exception to tell."""
    get_logger().exception("nothing")
    (record,) = written("error")
    assert "exception_type" not in record


def test_a_message_that_is_a_dict_is_fields(shop: Logging, written: Written) -> None:
    """As python-json-logger has it."""
    get_logger().info({"message": "m", "user_id": 1, "rows": 2, 3: "three"})
    (record,) = written()
    assert (record["message"], record["user_id"], record["rows"], record["3"]) == ("m", "1", 2, "three")


def test_arguments_that_do_not_fit_lose_nothing(shop: Logging, written: Written, alone: Callable[[], None]) -> None:
    """The message keeps its template and arguments, and says what was wrong."""
    alone()
    get_logger().info("%d items", "many")
    (record,) = written()
    assert (record["message"], record["template"]) == ("%d items ('many',)", "%d items")
    assert "TypeError" in str(record["format_error"])


def test_stack_info_is_kept(shop: Logging, written: Written) -> None:
    """Under `stack`."""
    get_logger().info("here", stack_info=True)
    assert str(written()[0]["stack"]).startswith("Stack (most recent call last):")


def test_seq_counts_the_records_of_an_instance(shop: Logging, written: Written) -> None:
    """From 1, without a gap, over all streams and threads."""

    def log() -> None:
        for number in (10, 20, 40):
            get_logger().log(number, "m")

    threads = [threading.Thread(target=log) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [record["seq"] for record in written()] == list(range(1, 13))
    assert len({record["instance"] for record in written()}) == 1


def test_a_context_may_be_closed_in_another(shop: Logging, written: Written) -> None:
    """As those of generators are that another task, or the garbage collection, closes."""

    def stream() -> Iterator[int]:
        with log_context(request_id="r1"):
            get_logger().info("begun")
            yield 1

    parts = stream()
    contextvars.Context().run(next, parts)
    assert list(parts) == []
    get_logger().info("after")
    assert [record.get("request_id") for record in written()] == ["r1", None]

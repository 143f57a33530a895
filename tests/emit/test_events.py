"""The calls: performance, business, context, timing."""

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import Callable

import pytest

from logpipe import Logging, get_logger, log_business_event, log_context, log_performance, timed

Written = Callable[..., list[dict[str, object]]]


def test_performance_has_its_event_duration_and_fields(shop: Logging, written: Written) -> None:
    """Fields of the record come to their place, others after them, and the caller's line is named."""
    log_performance("query 100%", duration_ms=12.5, db_system="postgresql", rows=3)
    (record,) = written("performance")
    assert (record["event"], record["duration_ms"]) == ("query 100%", 12.5)
    assert (record["db_system"], record["rows"]) == ("postgresql", 3)
    assert record["message"] == "query 100% took 12.500 ms"
    assert record["module"] == "test_events"
    assert record["function"] == "test_performance_has_its_event_duration_and_fields"


def test_both_spellings_of_a_business_event_are_one(shop: Logging, written: Written) -> None:
    """`event_type` and `event_data` are `event` and the fields."""
    log_business_event("order_placed", user_id="u1", total=12)
    log_business_event(event_type="order_placed", event_data={"user_id": "u1", "total": 12})
    first, second = ({k: v for k, v in r.items() if k not in ("timestamp", "line", "seq")} for r in written("business"))
    assert first == second
    with pytest.raises(TypeError, match="needs an event"):
        log_business_event(user_id="u1")


@pytest.mark.parametrize(
    "name", ["name", "message_", "args", "exc_info", "level", "stacklevel", "self", "logpipe_call"]
)
def test_a_field_may_have_any_name(shop: Logging, written: Written, name: str) -> None:
    """Names of LogRecord's own attributes too; those of the record's own get an underscore."""
    log_business_event("e", event_data={name: "mine"})
    (record,) = written("business")
    assert record[f"{name}_" if name == "level" else name] == "mine"


def test_contexts_add_up_and_end(shop: Logging, written: Written) -> None:
    """An inner context goes over the outer one, a record's own fields over both."""
    log = get_logger("a")
    with log_context(request_id="r1", tenant="t"):
        with log_context(tenant="inner"):
            log.info("both")
            log.info("own", extra={"tenant": "own"})
        log.info("outer")
    log.info("none")
    assert [(r.get("request_id"), r.get("tenant")) for r in written()] == [
        ("r1", "inner"),
        ("r1", "own"),
        ("r1", "t"),
        (None, None),
    ]


def test_contexts_follow_tasks_and_copied_threads(shop: Logging, written: Written) -> None:
    """Each task keeps its own; a thread has one if it runs in a copy."""

    async def handle(request: str) -> None:
        with log_context(request_id=request):
            await asyncio.sleep(0)
            get_logger().info(request)

    async def serve() -> None:
        await asyncio.gather(*(handle(f"r{number}") for number in range(5)))

    asyncio.run(serve())
    with log_context(request_id="in thread"):
        context = contextvars.copy_context()
    thread = threading.Thread(target=lambda: context.run(get_logger().info, "in thread"))
    thread.start()
    thread.join()
    records = [record for record in written() if record["level"] == "INFO"]  # asyncio has words of its own
    assert len(records) == 6
    assert all(record["request_id"] == record["message"] for record in records)


def test_timed_functions_log_duration_and_outcome(shop: Logging, written: Written) -> None:
    """A result is passed on, an exception too, and both are logged with the function's own place."""

    @timed
    def work(value: int) -> int:
        return value + 1

    @timed(event="failing", job="nightly")
    def fail() -> None:
        raise LookupError("gone")

    assert work(1) == 2
    with pytest.raises(LookupError):
        fail()
    ok, error = written("performance")
    assert str(ok["event"]).endswith("test_timed_functions_log_duration_and_outcome.<locals>.work")
    assert (ok["outcome"], ok["function"]) == ("ok", "work")
    assert isinstance(ok["duration_ms"], float)
    assert ok["duration_ms"] >= 0
    assert (error["event"], error["outcome"], error["job"]) == ("failing", "error", "nightly")
    assert error["exception_type"] == "LookupError"


def test_timed_coroutines_are_timed_until_they_end(shop: Logging, written: Written) -> None:
    """The duration is that of the awaited call; a cancelled one is an error."""

    @timed(event="waits")
    async def wait(gate: asyncio.Event) -> str:
        await gate.wait()
        return "done"

    async def main() -> None:
        gate = asyncio.Event()
        first, second = asyncio.create_task(wait(gate)), asyncio.create_task(wait(gate))
        await asyncio.sleep(0)
        assert written("performance") == []
        first.cancel()
        gate.set()
        assert await second == "done"

    asyncio.run(main())
    assert sorted((str(r["outcome"]), r.get("exception_type")) for r in written("performance")) == [
        ("error", "asyncio.exceptions.CancelledError"),
        ("ok", None),
    ]


def test_calls_without_setup_do_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A library may use them; an ordinary handler sees an ordinary record."""
    with caplog.at_level(logging.INFO):
        log_business_event("sold", price=3)
    assert [record.getMessage() for record in caplog.records] == ["sold"]


def test_a_clock_in_the_place_of_times_own_is_gone_by(
    shop: Logging, written: Written, monkeypatch: pytest.MonkeyPatch, alone: Callable[[], None]
) -> None:
    """As tests and simulations put one there."""
    alone()
    monkeypatch.setattr(time, "time", lambda: 1_767_322_790.5)
    for _ in range(2):  # the first call of a logger finds out whether its level is enabled
        get_logger().info("by logging")
        log_business_event("sold")
    assert {record["timestamp"] for record in written()} == {"2026-01-02T02:59:50.500000Z"}


def test_events_are_written_whatever_was_disabled_when_they_were_first_made(
    shop: Logging, written: Written, alone: Callable[[], None]
) -> None:
    """`logging.disable` is for what people say."""
    alone()
    logging.disable(logging.CRITICAL)
    try:
        log_business_event("sold")
        log_performance("query", 1.0)
    finally:
        logging.disable(logging.NOTSET)
    log_business_event("sold")
    assert sorted(str(record["event"]) for record in written()) == ["query", "sold", "sold"]

"""The records of a request that failed, which are else not written."""

import asyncio
import contextvars
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest
from loguru import logger as loguru_logger

from logpipe import Logging, get_logger, log_business_event, log_context, log_performance

Start = Callable[..., Logging]
Written = Callable[..., list[dict[str, object]]]
LOG = get_logger("shop")


def said(records: list[dict[str, object]]) -> list[object]:
    """The messages, in the order of seq."""
    return [record["message"] for record in records]


def fail(error: type[BaseException], **fields: object) -> None:
    """Logs `before` and raises, inside a context of its own."""
    with log_context(**fields):
        LOG.debug("before")
        raise error


def test_the_records_of_a_request_are_written_when_it_logs_an_error(start: Start, written: Written) -> None:
    """Before the error, in their order, with their own times, marked; and what follows in the request at once."""
    start(tail="DEBUG")
    with log_context(request_id="r1"):
        LOG.debug("first %s", "step")
        LOG.info("second")
        LOG.debug("third")
        assert said(written()) == ["second"]
        LOG.error("failed")
        LOG.debug("after")
        assert said(written()) == ["second", "first step", "third", "failed", "after"]
    records = written()
    assert [record["seq"] for record in records] == [1, 2, 3, 4, 5]
    assert {record["request_id"] for record in records} == {"r1"}
    assert [record.get("tail") for record in records] == [None, True, True, None, True]
    assert records[1]["template"] == "first %s"
    by_time = sorted(records, key=lambda record: str(record["timestamp"]))
    assert said(by_time) == ["first step", "second", "third", "failed", "after"]


def test_without_an_error_nothing_is_written_and_nothing_missed(start: Start, written: Written) -> None:
    """Neither a record nor a gap in the numbers."""
    start(tail="DEBUG").flush()
    with log_context(request_id="r1"):
        LOG.debug("unseen")
    with log_context(request_id="r2"):
        LOG.error("of another request")
    LOG.debug("of none")
    LOG.info("last")
    assert said(written()) == ["of another request", "last"]
    assert [record["seq"] for record in written()] == [1, 2]


@pytest.mark.parametrize("error", [ValueError, asyncio.TimeoutError])
def test_an_exception_that_leaves_the_context_is_a_failure(
    start: Start, written: Written, error: type[Exception]
) -> None:
    """Also where nobody logs an error."""
    start(tail="DEBUG")
    with pytest.raises(error):
        fail(error, request_id="r1")
    assert said(written()) == ["before"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_being_told_to_end_is_none(start: Start, written: Written, error: type[BaseException]) -> None:
    """Nothing was wrong with the request."""
    start(tail="DEBUG")
    with pytest.raises(error):
        fail(error, request_id="r1")
    assert written() == []


def test_an_exception_caught_within_the_request_is_none(start: Start, written: Written) -> None:
    """A context inside that is not a request of its own has no say."""
    start(tail="DEBUG")
    with log_context(request_id="r1"):
        for fields in ({"step": "a"}, {"request_id": "r1"}, {"trace_id": "t"}):
            with pytest.raises(KeyError):
                fail(KeyError, **fields)
    assert written() == []


def test_uncaught_exceptions_are_preceded_by_the_records(written: Written, tmp_path: Path) -> None:
    """In the main thread and in another."""
    program = """
import sys, threading
from logpipe import get_logger, log_context, setup_logging
setup_logging(service="shop", log_dir=sys.argv[1], console=False, tail="DEBUG")
def fail(name):
    with log_context(request_id=name):
        get_logger("a").debug(name)
        raise ValueError(name)
thread = threading.Thread(target=fail, args=("thread",))
thread.start()
thread.join()
fail("main")
"""
    ended = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True)
    assert ended.returncode == 1
    assert said(written()) == ["thread", "uncaught exception in a thread", "main", "uncaught exception"]


def test_a_part_that_fails_fails_the_whole(start: Start, written: Written) -> None:
    """A request in a request: its error brings out the outer one's records, not those of its siblings."""
    start(tail="DEBUG")
    with log_context(request_id="batch"):
        LOG.debug("begin")
        for item in ("good", "bad"):
            with log_context(request_id=item):
                LOG.debug("%s item", item)
                if item == "bad":
                    LOG.error("failed")
        LOG.debug("end")
    assert said(written()) == ["begin", "bad item", "failed", "end"]


def test_tasks_of_one_request_share_its_fate_and_requests_do_not_mix(start: Start, written: Written) -> None:
    """Over awaits and tasks, many at once."""
    start(tail="DEBUG")

    async def part(number: int) -> None:
        LOG.debug("part of %d", number)
        await asyncio.sleep(0)
        if number % 10 == 0:
            LOG.error("failed %d", number)

    async def request(number: int) -> None:
        with log_context(request_id=str(number)):
            LOG.debug("begin %d", number)
            await asyncio.gather(part(number), part(number))

    async def serve() -> None:
        await asyncio.gather(*(request(number) for number in range(50)))

    asyncio.run(serve())
    debug = [record for record in written() if record["level"] == "DEBUG"]
    assert {record["request_id"] for record in debug} == {"0", "10", "20", "30", "40"}
    assert len(debug) == 15


def test_threads_with_the_context_of_the_request_belong_to_it(start: Start, written: Written) -> None:
    """Those with a copy of it; others do not."""
    start(tail="DEBUG")
    with log_context(request_id="r1"):
        threads = [
            threading.Thread(target=contextvars.copy_context().run, args=(LOG.debug, "with")),
            threading.Thread(target=contextvars.Context().run, args=(LOG.debug, "without")),
        ]
        for thread in threads:
            thread.start()
            thread.join()
        failing = threading.Thread(target=contextvars.copy_context().run, args=(LOG.error, "failed"))
        failing.start()
        failing.join()
        LOG.debug("after")
    assert said(written()) == ["with", "failed", "after"]


def test_threads_that_fail_at_once_lose_and_repeat_nothing(start: Start, written: Written) -> None:
    """Each record once, however the threads take turns."""
    start(tail="DEBUG", tail_records=10_000)

    def log(name: int) -> None:
        for number in range(200):
            LOG.debug("%d.%d", name, number)
            if number == 100:
                LOG.error("failed")

    with log_context(request_id="r1"):
        threads = [threading.Thread(target=contextvars.copy_context().run, args=(log, name)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    records = written()
    debug = [record["message"] for record in records if record["level"] == "DEBUG"]
    assert sorted(map(str, debug)) == sorted(f"{name}.{number}" for name in range(4) for number in range(200))
    assert [record["seq"] for record in records] == list(range(1, len(records) + 1))


def test_a_task_that_outlives_its_request_is_not_held(start: Start, written: Written) -> None:
    """Nothing would ever let go of it."""
    start(tail="DEBUG")
    with log_context(request_id="r1"):
        later = contextvars.copy_context()
    later.run(LOG.debug, "late")
    later.run(LOG.error, "failed late")
    later.run(LOG.debug, "later still")
    assert said(written()) == ["failed late", "later still"]


def test_memory_is_given_back_when_requests_end(start: Start, alone: Callable[[], None]) -> None:
    """A hundred times as many requests take no more of it."""
    alone()  # pytest keeps each record
    start(tail="DEBUG")

    def serve(requests: int) -> int:
        for number in range(requests):
            with log_context(request_id=number):
                for _ in range(5):
                    LOG.debug("step", extra={"padding": "x" * 200})
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        serve(20)
        before = serve(20)
        after = serve(2000)
    finally:
        tracemalloc.stop()
    assert after - before < 200_000  # the lines held in between are two million


def test_a_request_that_logs_much_keeps_the_last_and_says_how_many_it_had(start: Start, written: Written) -> None:
    """So nobody takes them for all."""
    start(tail="DEBUG", tail_records=3)
    with log_context(request_id="r1"):
        for number in range(10):
            LOG.debug("step %d", number)
        LOG.error("failed")
        LOG.error("failed again")
    told, *rest = written()
    assert (told["event"], told["count"], told["request_id"]) == ("logpipe.tail_cut", 7, "r1")
    assert said(rest) == ["step 7", "step 8", "step 9", "failed", "failed again"]


def test_the_request_that_holds_for_longest_makes_room(start: Start, written: Written) -> None:
    """Memory is bounded over all requests, and what had to go is told where it is missed."""
    start(tail="DEBUG", tail_bytes=20_000)
    contexts = [contextvars.Context() for _ in range(30)]
    entered = [context.run(log_context, request_id=number) for number, context in enumerate(contexts)]
    for context, request in zip(contexts, entered, strict=True):
        context.run(request.__enter__)
        context.run(LOG.debug, "x" * 1000)
    for context in (contexts[0], contexts[-1]):
        context.run(LOG.error, "failed")
    for context, request in zip(contexts, entered, strict=True):
        context.run(request.__exit__, None, None, None)
    levels = [(record["request_id"], record["level"]) for record in written()]
    assert levels == [("0", "WARNING"), ("0", "ERROR"), ("29", "DEBUG"), ("29", "ERROR")]


def test_what_was_sampled_out_comes_with_the_tail(start: Start, written: Written) -> None:
    """And is not counted as left out then; else it is."""
    installed = start(tail="DEBUG", sample={"INFO": 0})
    for name in ("good", "bad"):
        with log_context(request_id=name):
            LOG.info("%s step", name)
            if name == "bad":
                LOG.error("failed")
    LOG.info("of no request")
    installed.flush()
    *records, told = written()
    assert said(records) == ["bad step", "failed"]
    assert (told["event"], told["kinds"]) == ("logpipe.sampled", {"shop INFO": 2})


def test_what_is_held_at_the_end_is_counted(start: Start, written: Written) -> None:
    """A setup that is closed within a request has sampled its records out."""
    installed = start(tail="DEBUG", sample={"INFO": 0})
    with log_context(request_id="r1"):
        LOG.info("m")
        installed.close()
    assert [record["count"] for record in written()] == [1]


def test_records_are_held_as_they_were(start: Start, written: Written) -> None:
    """What they refer to may change before the request fails."""
    start(tail="DEBUG")
    basket = ["apple"]
    with log_context(request_id="r1"):
        LOG.debug("basket", extra={"basket": basket, "tail": "long"})
        basket.append("pear")
        LOG.error("failed")
    held = written()[0]
    assert (held["basket"], held["tail"], held["tail_"]) == (["apple"], True, "long")


def test_what_is_written_anyway_is_not_held(start: Start, written: Written) -> None:
    """Business and performance at any level, and what a logger's own level asks for."""
    start(level="ERROR", tail="DEBUG")
    verbose = get_logger("verbose")
    verbose.setLevel(logging.DEBUG)
    try:
        with log_context(request_id="r1"):
            log_business_event("sold")
            log_performance("query", 1)
            get_logger("verbose.part").debug("asked for")
            LOG.warning("below")
    finally:
        verbose.setLevel(logging.NOTSET)
    assert said(written()) == ["sold", "query took 1.000 ms", "asked for"]


def test_nothing_below_the_tail_is_held(start: Start, written: Written) -> None:
    """And the loggers let through what is needed, no more."""
    start(level="WARNING", tail="INFO")
    assert not LOG.isEnabledFor(logging.DEBUG)
    with log_context(request_id="r1"):
        LOG.debug("lower still")
        LOG.info("held")
        LOG.error("failed")
    assert said(written()) == ["held", "failed"]


def test_what_is_sampled_out_below_the_tail_is_not_held(start: Start, written: Written) -> None:
    """It is counted as left out, by each front end."""
    start(level="DEBUG", tail="INFO", sample={"DEBUG": 0}).flush()
    with log_context(request_id="r1"):
        LOG.debug("too low")
        loguru_logger.debug("too low")
        LOG.error("failed")
    assert said(written()) == ["failed"]


def test_loguru_is_held_too(start: Start, written: Written) -> None:
    """Its sink lets through what the tail needs."""
    start(tail="DEBUG")
    with log_context(request_id="r1"):
        loguru_logger.debug("step")
        loguru_logger.trace("lower still")
        assert written() == []
        loguru_logger.error("failed")
    assert said(written()) == ["step", "failed"]


def test_a_trace_is_a_request_where_there_is_no_other(start: Start, written: Written) -> None:
    """And another key may be set."""
    start(tail="DEBUG", sample_key="job")
    for fields in ({"trace_id": "t"}, {"job": 7}, {"request_id": "none"}):
        with log_context(**fields):
            LOG.debug("%s", *fields)
            LOG.error("failed")
    assert [message for message in said(written()) if message != "failed"] == ["trace_id", "job"]


def test_a_value_that_cannot_be_compared_raises_nothing(start: Start, written: Written) -> None:
    """Neither on entering nor on leaving a context."""

    class Hostile:
        def __eq__(self, other: object) -> bool:
            raise ValueError

        __hash__ = None  # type: ignore[assignment]  # as of a list

        def __str__(self) -> str:
            raise ValueError

    start(tail="DEBUG")
    with log_context(request_id=Hostile()), log_context(request_id=Hostile()):
        LOG.debug("held")
        LOG.error("failed")
    assert said(written()) == ["held", "failed"]


def test_closing_gives_back_the_contexts(start: Start, written: Written) -> None:
    """A setup without the tail holds nothing."""
    start(tail="DEBUG")
    start(level="DEBUG")
    with log_context(request_id="r1"):
        LOG.debug("at once")
        assert said(written()) == ["at once"]


def test_a_setup_in_the_middle_of_a_request_follows_those_that_begin_later(start: Start, written: Written) -> None:
    """Nobody would tell it of the end of the others."""
    start(tail="DEBUG")
    with log_context(request_id="r1"):
        start(tail="DEBUG")
        LOG.debug("in between")
        LOG.error("failed")
        with log_context(step="a"):
            LOG.debug("held")
            LOG.error("failed again")
    assert said(written()) == ["failed", "held", "failed again"]


def test_a_child_does_not_write_what_its_parent_holds(
    start: Start, written: Written, forked: Callable[[Callable[[], object]], int]
) -> None:
    """What the child itself logs in the request is held anew."""
    start(tail="DEBUG")

    def child() -> None:
        LOG.debug("of the child")
        LOG.error("child failed")

    with log_context(request_id="r1"):
        LOG.debug("of the parent")
        forked(child)
        LOG.error("parent failed")
    records = written()
    by_process = {True: ["of the parent", "parent failed"], False: ["of the child", "child failed"]}
    for of_parent, messages in by_process.items():
        own = [record for record in records if (record["process"] == os.getpid()) == of_parent]
        assert said(own) == messages
        assert [record["seq"] for record in own] == [1, 2]
    assert len({record["instance"] for record in records}) == 2
    assert len(records) == 4


def test_signal_handlers_may_fail_a_request_at_any_moment(start: Start, written: Written) -> None:
    """No deadlock; each record once, nothing held for ever."""
    start(tail="DEBUG", tail_records=100_000)
    handled = 0

    def handle(number: int, frame: object) -> None:
        nonlocal handled
        handled += 1
        LOG.debug("in the handler")
        LOG.error("signalled")

    previous = signal.signal(signal.SIGALRM, handle)
    logged = 0
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        while handled < 100:
            with log_context(request_id=logged):
                before = handled
                while handled == before:
                    LOG.debug("main")
                    logged += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    records = written()
    assert len({json.dumps(record) for record in records}) == len(records)
    counts = {message: said(records).count(message) for message in ("main", "signalled")}
    assert counts == {"main": logged, "signalled": handled}


def test_a_record_is_not_lost_whose_request_fails_while_it_is_put_aside(start: Start, written: Written) -> None:
    """Between the look-up of a method and its call, where a profiler lets signal handlers in."""
    start(tail="DEBUG")

    def look(frame: FrameType, event: str, called: object) -> None:
        if event == "c_call" and frame.f_code.co_name == "hold" and getattr(called, "__name__", "") == "append":
            sys.setprofile(None)
            LOG.error("failed")

    with log_context(request_id="r1"):
        sys.setprofile(look)
        try:
            LOG.debug("held")
        finally:
            sys.setprofile(None)
    assert said(written()) == ["failed", "held"]


def test_the_example_of_the_documents_does_what_it_says(written: Written, tmp_path: Path) -> None:
    """The held record, the error, and what follows."""
    document = (Path(__file__).parents[2] / "docs" / "emit.md").read_text()
    match = re.search(r"```python\n(setup_logging\([^\n]*tail=.*?)```", document, re.DOTALL)
    assert match
    program = f"from logpipe import get_logger, log_context, setup_logging\n{match[1]}"
    environ = os.environ | {"LOGPIPE_LOG_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environ, capture_output=True)
    assert said(written()) == ["price list B", "payment failed", "rolled back"]


def test_a_held_line_is_cut_after_its_secrets_are_out(start: Start, written: Written) -> None:
    """Half a key in PEM would not be known for one."""
    start(tail="DEBUG", max_line_bytes=4096)
    key = "-----BEGIN PRIVATE KEY-----\n" + "QUJD" * 500 + "\n-----END PRIVATE KEY-----"
    with log_context(request_id="r1"):
        LOG.debug("%s%s%s", "a" * 6000, key, "z" * 400)
        LOG.error("failed")
    held = str(written()[0])
    assert "aaa[redacted]zzz" in held
    assert "QUJD" not in held

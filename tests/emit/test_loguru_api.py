"""What loguru's logger can do gives complete records, and sinks of others what they had."""

import asyncio
import gc
import inspect
import json
import multiprocessing
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from loguru import logger

from logpipe import Logging, log_context

if TYPE_CHECKING:
    from loguru import Record

Start = Callable[..., Logging]
Written = Callable[..., list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def loguru_as_it_was() -> Iterator[None]:
    """Each test begins and ends without sinks, and without what `configure` leaves."""
    logger.remove()
    yield
    logger.remove()
    logger.configure(extra={}, patcher=unchanged)


def unchanged(_record: "Record") -> None:
    """A patcher that does nothing, and can be pickled."""


def line() -> int:
    """Of the caller."""
    return inspect.stack()[1].lineno


def test_fields_of_loguru_are_fields_of_the_record(shop: Logging, written: Written) -> None:
    """What is nearer wins: the call, `bind`, `contextualize`, `configure`, `log_context`."""
    logger.configure(extra={"a": "configured", "b": "configured", "c": "configured", "d": "configured"})
    with log_context(e="around", d="around"), logger.contextualize(a="context", b="context", c="context"):
        logger.bind(a="bound", b="bound").info("{a} and {}", 1, a="called")
    (record,) = written()
    assert record["message"] == "called and 1"
    assert [record[key] for key in "abcde"] == ["called", "bound", "context", "configured", "around"]
    assert "template" not in record


def _error() -> ValueError:
    try:
        int("x")
    except ValueError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize("make", [lambda e: e, lambda e: (type(e), e, e.__traceback__), lambda e: True])
def test_an_exception_is_given_as_loguru_takes_it(shop: Logging, written: Written, make: Callable[[Any], Any]) -> None:
    """An exception, what `sys.exc_info` gives, or true; at any level."""
    try:
        raise _error()
    except ValueError as error:
        logger.opt(exception=make(error)).warning("m")
    (record,) = written("app")
    assert (record["exception_type"], record["level"]) == ("ValueError", "WARNING")
    assert record["exception_stacktrace"].startswith("Traceback (most recent call last):\n")
    assert "in _error" in record["exception_stacktrace"]


def test_an_exception_without_a_trace_and_none_at_all(shop: Logging, written: Written) -> None:
    """The first has a type, the second nothing."""
    logger.opt(exception=KeyError("k")).info("m")
    logger.opt(exception=True).info("m")
    first, second = written()
    assert (first["exception_type"], first["exception_message"]) == ("KeyError", "'k'")
    assert "exception_type" not in second


def test_options_of_a_call(start: Start, written: Written) -> None:
    """Lazy values are made only where they are written, colours are taken out, and `record` can be put in."""
    start(level="INFO")
    made: list[int] = []
    logger.opt(lazy=True).debug("{}", lambda: made.append(1))
    logger.opt(lazy=True).info("lazy {}", lambda: made.append(2) or 3)  # type: ignore[func-returns-value]
    logger.opt(colors=True).info("<red>red</red>")
    logger.opt(record=True).info("at {record[line]}")
    assert made == [2]
    at = line() - 2
    assert [record["message"] for record in written()] == ["lazy 3", "red", f"at {at}"]


def test_depth_moves_the_place(shop: Logging, written: Written) -> None:
    """A helper that logs for its caller."""

    def helper() -> None:
        logger.opt(depth=1).info("m")

    helper()
    at = line() - 1
    (record,) = written()
    assert (record["function"], record["line"]) == ("test_depth_moves_the_place", at)
    assert (record["module"], record["logger"]) == ("test_loguru_api", __name__)


def test_a_patched_record_is_written_as_patched(shop: Logging, written: Written) -> None:
    """By `patch` and by `configure`."""

    def rename(record: "Record") -> None:
        record["name"] = "shop.cart"
        record["extra"]["order"] += ["patch"]

    logger.configure(patcher=lambda record: record["extra"].update(order=["configure"]))
    logger.patch(rename).info("m")
    (record,) = written()
    assert (record["logger"], record["order"]) == ("shop.cart", ["configure", "patch"])


def test_levels_of_ones_own(shop: Logging, written: Written) -> None:
    """The nearest lower one of the record, and the name."""
    with suppress(TypeError, ValueError):  # a level of loguru's cannot be taken back
        logger.level("NOTICE", no=25)
    logger.log("NOTICE", "m")
    logger.log(42, "m")
    logger.log(3, "below all")
    assert [(record["level"], record["level_name"]) for record in written()] == [
        ("INFO", "NOTICE"),
        ("ERROR", "Level 42"),
    ]


def test_catch_logs_with_the_place_of_the_call(shop: Logging, written: Written) -> None:
    """As a decorator and around a block."""

    @logger.catch(message="caught")
    def fail() -> None:
        raise KeyError("k")

    fail()
    with logger.catch(message="caught"):
        int("x")
    first, second = written("error")
    assert (first["message"], first["exception_type"], second["exception_type"]) == ("caught", "KeyError", "ValueError")
    assert first["function"] == second["function"] == "test_catch_logs_with_the_place_of_the_call"


def test_modules_can_be_disabled(shop: Logging, written: Written) -> None:
    """As loguru has it."""
    logger.disable(__name__)
    logger.info("no")
    logger.enable(__name__)
    logger.info("yes")
    assert [record["message"] for record in written()] == ["yes"]


def test_complete_has_nothing_to_wait_for(start: Start, written: Written) -> None:
    """A record is in its file when the call returns; `complete` works for the sinks that need it."""
    start(level="INFO")

    async def log() -> None:
        logger.info("m")
        assert len(written()) == 1
        await logger.complete()

    asyncio.run(log())
    logger.complete()
    assert len(written()) == 1


def test_sinks_of_others_have_what_they_had(start: Start, written: Written, tmp_path: Path) -> None:
    """Formatted text, serialised records, and a queue of its own, each once."""
    seen: list[str] = []
    logger.add(lambda message: seen.append(str(message)), format="{level} {message} {extra[a]}", level="INFO")
    logger.add(tmp_path / "theirs.json", serialize=True, enqueue=True, level="INFO")
    start()
    try:
        int("x")
    except ValueError:
        logger.bind(a=1).exception("failed")
    logger.complete()
    assert seen[0].startswith("ERROR failed 1\nTraceback (most recent call last):")
    (theirs,) = (tmp_path / "theirs.json").read_text().splitlines()
    assert json.loads(theirs)["record"]["exception"]["type"] == "ValueError"
    (ours,) = written()
    assert (ours["message"], ours["a"], ours["exception_type"]) == ("failed", 1, "ValueError")


def test_removing_all_sinks_removes_ours_until_the_next_setup(start: Start, written: Written) -> None:
    """`remove()` and `configure(handlers=…)` say so; closing the setup afterwards is fine."""
    start()
    logger.remove()
    logger.info("to nobody")
    start()
    logger.info("ours")
    logger.configure(handlers=[])
    logger.info("to nobody")
    start().close()
    assert [record["message"] for record in written()] == ["ours"]


def _log_in_child() -> None:
    logger.bind(a=1).info("in the child")


def test_a_forked_child_writes_to_the_same_files(shop: Logging, written: Written) -> None:
    """As an instance of its own."""
    logger.info("in the parent")
    child = multiprocessing.get_context("fork").Process(target=_log_in_child, daemon=True)
    gc.disable()  # in the child it would end databases of other tests, whose threads the child does not have
    try:
        child.start()
    finally:
        gc.enable()
    child.join(60)
    assert child.exitcode == 0
    logger.info("in the parent")
    records = written()
    assert sorted(record["message"] for record in records) == ["in the child", "in the parent", "in the parent"]
    assert len({record["instance"] for record in records}) == 2


def test_the_logger_can_be_given_to_a_spawned_process(shop: Logging, written: Written) -> None:
    """loguru's documents have it pickled; in the other process it does nothing of ours before a setup there."""
    copy = pickle.loads(pickle.dumps(logger))
    copy.info("in the copy")
    logger.info("here")
    assert [record["message"] for record in written()] == ["here"]


def test_a_process_that_ends_has_written_all(tmp_path: Path) -> None:
    """Without `complete` or `remove`."""
    code = (
        "from loguru import logger; import logpipe\n"
        "logpipe.setup_logging(service='shop', log_dir='.', console=False)\n"
        "for n in range(100): logger.info('m')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert len((tmp_path / "shop" / "app.jsonl").read_text().splitlines()) == 100


def test_the_example_of_the_documents_writes_a_record(tmp_path: Path, example: Callable[[str], str]) -> None:
    """It works as it stands."""
    subprocess.run([sys.executable, "-c", example("loguru")], cwd=tmp_path, check=True, capture_output=True)
    record = json.loads((tmp_path / "logs" / "shop" / "app.jsonl").read_text())
    assert (record["message"], record["request_id"], record["cart"]) == ("paid 42 euros", "r-1", 7)
    assert (record["level"], record["level_name"]) == ("INFO", "SUCCESS")

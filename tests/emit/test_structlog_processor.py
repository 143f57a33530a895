"""structlog's events become the same record, by our processor or through `logging`."""

import asyncio
import inspect
import logging
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

import logpipe
from logpipe import Logging, get_logger, log_context
from logpipe.record import KEYS
from logpipe.testing import Logged

Start = Callable[..., Logging]
Written = Callable[..., list[dict[str, Any]]]


WRAPPERS: list[Callable[[int], type[Any]]] = [logpipe.structlog_bound_logger]
"""The one by which `configure` makes the class of loggers."""


@pytest.fixture(autouse=True, params=[logpipe.structlog_bound_logger, structlog.make_filtering_bound_logger])
def structlog_as_it_was(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each test configures structlog for itself."""
    WRAPPERS[0] = request.param
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def log(shop: Logging) -> Any:
    """A logger of a module, with structlog configured as docs/emit.md says."""
    configure()
    return structlog.get_logger("shop.cart")


def configure(*processors: structlog.typing.Processor, **settings: Any) -> None:
    """The recipe of docs/emit.md."""
    recipe: dict[str, Any] = {
        "processors": [structlog.contextvars.merge_contextvars, *processors, logpipe.structlog_processor],
        "wrapper_class": WRAPPERS[0](logging.INFO),
        "logger_factory": logging.getLogger,
        "cache_logger_on_first_use": True,
    }
    structlog.configure(**recipe | settings)


def test_both_front_ends_write_the_same_record(log: Any, written: Written) -> None:
    """Same keys in the same order and, but for place and time, the same values."""
    front_ends: list[Callable[[], None]] = [
        lambda: get_logger("shop.cart").exception("hello", extra={"user_id": 7, "rows": 2}),
        lambda: log.bind(user_id=7).exception("hello", rows=2),
    ]
    for write in front_ends:
        with log_context(request_id="r"):
            try:
                int("x")
            except ValueError:
                write()
    first, second = written("error")
    assert list(first) == list(second)
    assert list(first) == [*(key for key in KEYS if key in first), "rows"]
    differ = ("timestamp", "line", "seq")
    assert {k: v for k, v in first.items() if k not in differ} == {k: v for k, v in second.items() if k not in differ}


def test_the_place_is_the_callers(log: Any, written: Written) -> None:
    """Of a lazy logger, of a bound one, and of the variants for coroutines, which log in another thread."""
    lines = []

    async def log_inside() -> None:
        await log.ainfo("from a coroutine")
        lines.append(inspect.currentframe().f_lineno - 1)  # type: ignore[union-attr]  # CPython has frames

    log.info("lazy")
    log.bind(a=1).info("bound")
    asyncio.run(log_inside())
    first, second, third = (record for record in written() if record["logger"] == "shop.cart")
    assert (first["module"], first["function"]) == ("test_structlog_processor", "test_the_place_is_the_callers")
    assert second["line"] == first["line"] + 1
    assert (third["function"], third["line"]) == ("log_inside", lines[0])


def test_levels(log: Any, written: Written) -> None:
    """structlog's are logging's; what is below the setup's level is not written, whatever the wrapper lets through."""
    for method in ("debug", "info", "msg", "warning", "warn", "error", "critical", "fatal"):
        getattr(log, method)(method)
    log.log(logging.WARNING, "by number")
    assert [record["level"] for record in written()] == [
        *("INFO", "INFO", "WARNING", "WARNING", "ERROR", "CRITICAL", "CRITICAL", "WARNING")
    ]


def test_the_level_of_the_setup_holds(start: Start, written: Written) -> None:
    """Also where structlog itself lets all through."""
    start(level="WARNING")
    configure(wrapper_class=structlog.BoundLogger)
    log = structlog.get_logger()
    log.info("no")
    log.warning("yes")
    log.notice("custom methods are INFO")
    assert [record["message"] for record in written()] == ["yes"]


def test_a_method_of_ones_own_keeps_its_name(shop: Logging, written: Written) -> None:
    """As a level of one's own does with `logging`."""
    configure(wrapper_class=structlog.BoundLogger)
    structlog.get_logger().notice("hello")
    (record,) = written()
    assert (record["level"], record["level_name"]) == ("INFO", "NOTICE")


def test_processors_that_structlog_recommends_say_nothing_twice(shop: Logging, written: Written) -> None:
    """Level and name become the record's, a time of one's own stays beside it, a rendered stack trace is one."""
    recommended: list[structlog.typing.Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    configure(
        *recommended,
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    try:
        int("x")
    except ValueError:
        structlog.get_logger("shop.cart").exception("failed for %s", "ann", stack_info=True)
    (record,) = written("error")
    assert (record["level"], record["logger"]) == ("ERROR", "shop.cart")
    assert (record["message"], record["template"]) == ("failed for ann", "failed for %s")
    assert record["timestamp_"][:10] == record["timestamp"][:10]
    assert record["exception_stacktrace"].endswith("ValueError: invalid literal for int() with base 10: 'x'")
    assert "test_processors_that_structlog_recommends" in record["stack"]
    assert {"level_", "logger_", "positional_args", "exception", "stack_info"}.isdisjoint(record)


def test_arguments_are_put_into_the_message(shop: Logging, written: Written) -> None:
    """As `logging` does it, with the message before them kept; what does not fit loses nothing."""
    configure(wrapper_class=structlog.stdlib.BoundLogger)
    log = structlog.get_logger("shop.cart")
    log.info("%s of %s", 1, 2)
    log.info("cart %(cart)s", {"cart": 7})
    log.info("%d items", "many")
    assert [(record["message"], record["template"]) for record in written()] == [
        ("1 of 2", "%s of %s"),
        ("cart 7", "cart %(cart)s"),
        ("%d items ('many',)", "%d items"),
    ]
    assert "TypeError" in written()[2]["format_error"]


@pytest.mark.parametrize("make", [lambda e: e, lambda e: (type(e), e, e.__traceback__), lambda e: True])
def test_an_exception_is_given_as_structlog_takes_it(log: Any, written: Written, make: Callable[[Any], object]) -> None:
    """An exception, what `sys.exc_info` gives, or true."""
    try:
        int("x")
    except ValueError as error:
        log.warning("m", exc_info=make(error))
    (record,) = written()
    assert record["exception_type"] == "ValueError"
    assert "in test_an_exception_is_given" in record["exception_stacktrace"]
    assert "exc_info" not in record


def test_exc_info_outside_of_a_handler_is_nothing(log: Any, written: Written) -> None:
    """As with `logging`."""
    log.error("m", exc_info=True)  # noqa: LOG014 - what is tested
    assert "exception_type" not in written()[0]


def test_stack_info_is_kept(log: Any, written: Written) -> None:
    """Under `stack`, and ends with the line that logs."""
    log.info("here", stack_info=True)
    stack = written()[0]["stack"]
    assert stack.startswith("Stack (most recent call last):\n")
    assert stack.endswith('log.info("here", stack_info=True)')


def test_contexts_of_both_are_taken(log: Any, written: Written) -> None:
    """What is nearer wins: the call, structlog's context, `log_context`."""
    structlog.contextvars.bind_contextvars(tenant="t", cart=1, user_id="u")
    with log_context(request_id="r", cart=0, user_id="nobody"):
        log.info("m", cart=2)
    (record,) = written()
    assert (record["request_id"], record["tenant"], record["user_id"], record["cart"]) == ("r", "t", "u", 2)


def test_fields_of_the_emitter_are_kept_beside_its_own(log: Any, written: Written) -> None:
    """`message`, `service` and the like get an underscore; a logger that is no text does, too."""
    log.info("said", message="theirs", service=1, logger=2, level=[3])
    (record,) = written()
    assert (record["message"], record["service"], record["logger"]) == ("said", "shop", "shop.cart")
    assert (record["message_"], record["service_"], record["logger_"], record["level_"]) == ("theirs", 1, 2, [3])


def test_without_a_name_the_logger_is_the_module(shop: Logging, written: Written) -> None:
    """structlog's own factories do not know names, and the root logger has none."""
    configure()
    structlog.get_logger().info("m")
    configure(logger_factory=structlog.PrintLoggerFactory())
    structlog.get_logger().info("m")
    structlog.get_logger().info("m", logger_name="other")
    assert [record["logger"] for record in written()] == [__name__, __name__, "other"]


def test_nothing_hostile_raises(log: Any, written: Written) -> None:
    """Nor is the record lost."""

    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError

        __repr__ = __str__

    log.info(Hostile(), value=Hostile(), number=2**70, exc_info=("not", "an", "exception"))
    log.info("\ud800", positional_args=(Hostile(),), logger=Hostile())
    first, second = written()
    assert (first["message"], first["value"]) == ("<unprintable Hostile>",) * 2
    assert first["number"] == str(2**70)
    assert second["message"].startswith("\\ud800")
    assert "format_error" in second


def test_before_the_setup_and_after_it_nothing_happens(
    start: Start, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    """A library may log through a configured structlog at any time; nothing is printed either."""
    configure()
    log = structlog.get_logger()
    log.error("before")
    logging = start()
    log.error("between")
    logging.close()
    log.error("after")
    assert [record["message"] for record in written()] == ["between"]
    assert capsys.readouterr() == ("", "")


def test_repetitions_are_counted_as_those_of_logging(start: Start, written: Written) -> None:
    """What the setup decides on records holds for structlog's, too."""
    configure()
    log = structlog.get_logger("shop.cart")
    start(repeat_limit=2).flush()
    for _ in range(5):
        log.warning("again")
    start(service="other")
    assert [record["message"] for record in written()] == ["again", "again", "again … repeated 3 more times"]
    assert written()[-1]["logger"] == "shop.cart"


def test_setting_up_again_writes_once(start: Start, written: Written) -> None:
    """Cached loggers go to the last setup."""
    configure()
    log = structlog.get_logger()
    start(service="first")
    log.info("one")
    start(service="second")
    log.info("two")
    assert [record["message"] for record in written(service="first")] == ["one"]
    assert [record["message"] for record in written(service="second")] == ["two"]


def test_threads_and_seq(log: Any, written: Written) -> None:
    """Each record has its thread's name and a number of its own."""
    threads = [threading.Thread(target=log.info, args=("m",), name=f"t{number}") for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {record["thread"] for record in written()} == {"t0", "t1", "t2", "t3"}
    assert [record["seq"] for record in written()] == [1, 2, 3, 4]


def test_the_fixture_has_structlogs_records(logged: Logged, log: Any, written: Written) -> None:
    """Where structlog's chain ends with the processor; a setup gets them, too."""
    log.info("m", item=7)
    captured, (record,) = logged.one(logger="shop.cart"), written()
    assert (captured.message, captured.item, captured.line) == ("m", 7, record["line"])
    assert (record["message"], record["item"]) == ("m", 7)


def test_the_processor_can_be_pickled() -> None:
    """As structlog's loggers can be, with the processors in them."""
    assert pickle.loads(pickle.dumps(logpipe.structlog_processor)) is logpipe.structlog_processor


def through_formatter() -> dict[str, Any]:
    """structlog's chain ends with a dict for its own formatter."""
    return {"processors": [*CHAIN, structlog.stdlib.ProcessorFormatter.wrap_for_formatter]}


def through_kwargs() -> dict[str, Any]:
    """structlog's chain ends with the arguments of a logger's method."""
    return {"processors": [*CHAIN, structlog.stdlib.render_to_log_kwargs]}


CHAIN: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.filter_by_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
]


@pytest.mark.parametrize("chain", [through_formatter, through_kwargs])
def test_structlog_over_logging_writes_a_good_record(
    shop: Logging, written: Written, chain: Callable[[], dict[str, Any]]
) -> None:
    """An application that keeps structlog as it was needs only `setup_logging`."""
    structlog.configure(
        **chain(), wrapper_class=structlog.stdlib.BoundLogger, logger_factory=structlog.stdlib.LoggerFactory()
    )
    log = structlog.get_logger("tests.over_logging").bind(cart=7)
    log.info("hello %s", "ann", user_id=1)
    try:
        int("x")
    except ValueError:
        log.exception("failed")
        log.warning("odd", exc_info=True)
    first, second, third = written()
    assert (first["message"], first["level"], first["logger"]) == ("hello ann", "INFO", "tests.over_logging")
    assert (first["cart"], first["user_id"]) == (7, "1")
    assert (first["module"], first["function"]) == (__name__.rpartition(".")[2], inspect.stack()[0].function)
    assert second["exception_type"] == third["exception_type"] == "ValueError"
    for record in (first, second, third):
        assert {"event", "level_", "logger_", "exc_info", "_logger", "_name"}.isdisjoint(record)


def test_the_recipe_of_the_documents_writes_a_record(tmp_path: Path, example: Callable[[str], str]) -> None:
    """It works as it stands."""
    subprocess.run([sys.executable, "-c", example("structlog")], cwd=tmp_path, check=True, capture_output=True)
    (line,) = (tmp_path / "logs" / "shop" / "app.jsonl").read_text().splitlines()
    assert '"logger":"shop.cart","message":"cart is large"' in line
    assert '"request_id":"r-1"' in line

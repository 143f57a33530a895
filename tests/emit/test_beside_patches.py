"""What others change in `logging` itself keeps working: factories, filters, classes of loggers, patched methods."""

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from logpipe import Logging, get_logger
from tests.emit.speech import Keeper, Speech, added, line, ours_of

Start = Callable[..., Logging]
Written = Callable[..., list[dict[str, Any]]]
Alone = Callable[[], None]


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Each test changes what all loggers share."""
    factory = logging.getLogRecordFactory()
    yield
    logging.setLogRecordFactory(factory)
    logging.disable(logging.NOTSET)
    logging.addLevelName(25, "Level 25")


@pytest.mark.parametrize("when", ["before", "after", "between"])
@pytest.mark.parametrize("method", ["_log", "makeRecord", "handle", "callHandlers", "findCaller", "isEnabledFor"])
def test_a_patched_method_of_loggers_is_called(
    start: Start,
    written: Written,
    alone: Alone,
    log: logging.Logger,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    when: str,
) -> None:
    """Once for each record that it was called for, patched before the setup, after it, or after a use."""
    alone()
    calls: list[str] = []
    original = getattr(logging.Logger, method)

    def patched(self: logging.Logger, *args: Any, **options: Any) -> Any:
        calls.append(self.name)
        if method == "findCaller":  # which counts frames
            options["stacklevel"] = options.pop("stacklevel", args[1] if len(args) > 1 else 1) + STEP
            return original(self, args[0] if args else False, **options)
        if method == "_log":
            options["stacklevel"] = options.get("stacklevel", 1) + STEP
        return original(self, *args, **options)

    if when != "before":
        start()
    if when == "between":
        log.info("warm")
    monkeypatch.setattr(logging.Logger, method, patched)
    if when == "before":
        start()
    speech = Speech(log)
    monkeypatch.undo()
    log.info("as it was")
    ours = [record for record in written() if record["message"] not in ("warm", "as it was")]
    speech.is_in(sorted(ours, key=lambda record: int(record["seq"])))
    assert calls.count(log.name) == 4
    assert len(written()) == (6 if when == "between" else 5)


STEP = 1
"""Frames that a patch adds between a call and the place where `logging` looks for it."""


def test_a_method_patched_on_one_logger_is_called(
    start: Start, written: Written, alone: Alone, log: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As wrappers and spies do it."""
    alone()
    start()
    seen: list[logging.LogRecord] = []

    def handle(record: logging.LogRecord) -> None:
        seen.append(record)
        logging.Logger.handle(log, record)

    monkeypatch.setattr(log, "handle", handle)
    speech = Speech(log)
    speech.was_seen(seen)
    speech.is_in(written())


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_record_factory_adds_what_it_adds(
    start: Start, written: Written, alone: Alone, log: logging.Logger, when: str
) -> None:
    """Set before the setup or after it; a LogRecord of a class of its own formats for itself."""
    alone()

    class Braces(logging.LogRecord):
        def getMessage(self) -> str:  # noqa: N802 - logging's name
            return str(self.msg).format(*(self.args or ()))

    def make(*args: Any, **options: Any) -> logging.LogRecord:
        record = Braces(*args, **options)
        record.tenant = "t"
        return record

    if when == "after":
        start()
        log.info("warm")
    logging.setLogRecordFactory(make)
    if when == "before":
        start()
    log.info("cart {} is large", 7)  # noqa: PLE1205 - its own way of formatting
    record = written()[-1]
    assert (record["message"], record["template"], record["tenant"]) == ("cart 7 is large", "cart {} is large", "t")
    assert record["line"] == line() - 3


@pytest.mark.parametrize("on", ["logger", "handler"])
def test_filters_add_change_and_refuse(
    start: Start, written: Written, alone: Alone, log: logging.Logger, on: str
) -> None:
    """On a logger and on our handler, as objects and as functions, added and removed at any time."""
    alone()
    start()
    log.info("warm")

    class Tenant(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            record.tenant = "t"
            record.msg = str(record.msg).replace("secret", "***")
            return "noise" not in record.msg

    place: logging.Logger | logging.Handler = log if on == "logger" else ours_of()
    place.addFilter(tenant := Tenant())
    log.info("noise")
    log.info("secret %s", 1)
    place.removeFilter(tenant)
    place.addFilter(refuse := lambda record: record.levelno > logging.INFO)
    log.info("refused")
    log.warning("let through")
    place.removeFilter(refuse)
    log.info("as it was")
    assert [record["message"] for record in written()] == ["warm", "*** 1", "let through", "as it was"]
    assert [record.get("tenant") for record in written()] == [None, "t", None, None]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.12 lets a filter replace the record")
def test_a_filter_gives_another_record(start: Start, written: Written, alone: Alone, log: logging.Logger) -> None:
    """For what comes after it alone."""
    alone()
    start()

    def replace(record: logging.LogRecord) -> Any:
        return logging.makeLogRecord({**record.__dict__, "msg": "another", "args": ()})

    ours_of().addFilter(replace)
    theirs = Keeper()
    with added(theirs, logging.root):
        log.info("cart %s", 7)
    assert [record["message"] for record in written()] == ["another"]
    assert [record.getMessage() for record in theirs.records] == ["cart 7"]


def test_a_class_of_loggers_of_ones_own(start: Start, written: Written, alone: Alone) -> None:
    """Set before and after the setup: its fields, its own level and its records are kept."""
    alone()
    logging.addLevelName(25, "NOTICE")

    class Own(logging.Logger):
        def makeRecord(self, *args: Any, **options: Any) -> logging.LogRecord:  # noqa: N802 - logging's name
            record = super().makeRecord(*args, **options)
            record.kind = "own"
            return record

        def notice(self, message: str, *args: object, **options: Any) -> None:
            if self.isEnabledFor(25):
                self._log(25, message, args, stacklevel=2, **options)

    logging.setLoggerClass(Own)
    before = logging.getLogger("tests.own.before")
    start()
    logging.setLoggerClass(Own)
    after = logging.getLogger("tests.own.after")
    for logger in (before, after):
        assert isinstance(logger, Own)
        logger.notice("cart %s", 7, extra={"rows": 2})
        Speech(logger).is_in(written()[-4:])
    first = written()[0]
    assert (first["level"], first["level_name"], first["kind"], first["rows"]) == ("INFO", "NOTICE", "own", 2)
    assert (first["message"], first["template"]) == ("cart 7", "cart %s")
    assert (first["function"], first["line"]) == ("test_a_class_of_loggers_of_ones_own", line() - 5)
    assert len(written()) == 10
    with pytest.raises(KeyError, match="args"):  # as docs/emit.md says
        after.warning("cart", extra={"args": 1})


@pytest.mark.parametrize(("number", "level"), [(5, "TRACE"), (15, "DEBUG"), (35, "WARNING")])
def test_levels_by_name(
    start: Start, written: Written, alone: Alone, log: logging.Logger, number: int, level: str
) -> None:
    """A name that `addLevelName` gave is kept where the record's level is another."""
    alone()
    start(level="TRACE")
    before = logging.getLevelName(number)
    logging.addLevelName(number, "OWN")
    log.setLevel("OWN")
    log.log(number, "m")
    logging.addLevelName(number, before)
    (record,) = (record for record in written() if record["logger"] == log.name)
    assert (record["level"], record.get("level_name")) == (level, None if number == 5 else "OWN")


def test_disable_silences_all(start: Start, written: Written, alone: Alone, log: logging.Logger) -> None:
    """And ends, also for loggers used before and in between."""
    alone()
    start()
    log.warning("before")
    logging.disable(logging.WARNING)
    log.warning("disabled")
    log.error("above")
    logging.disable(logging.NOTSET)
    log.warning("after")
    assert [record["message"] for record in written()] == ["before", "above", "after"]


def test_helpers_give_the_place_of_their_caller(
    start: Start, written: Written, alone: Alone, log: logging.Logger
) -> None:
    """By `stacklevel`, in `logging`'s functions, too; with `stack_info` the stack is there."""
    alone()
    start()

    def helper() -> None:
        log.info("one", stacklevel=2)
        log.log(logging.INFO, "two", stacklevel=2)
        log.info("three", stack_info=True)
        log.info("four", stacklevel=99)

    helper()
    at = line() - 1
    logging.info("five")  # noqa: LOG015 - what is tested
    first, second, third, fourth, fifth = written()
    name = "test_helpers_give_the_place_of_their_caller"
    assert [(record["function"], record["line"]) for record in (first, second)] == [(name, at)] * 2
    assert third["function"] == "helper"
    assert third["stack"].startswith("Stack (most recent call last):\n")
    assert fourth["message"] == "four"
    assert (fifth["logger"], fifth["function"], fifth["line"]) == ("root", name, at + 2)


def test_loggers_from_before_the_setup_and_used_before_it(
    start: Start, written: Written, alone: Alone, log: logging.Logger
) -> None:
    """A logger remembers for which levels it is silent; a setup makes it forget."""
    alone()
    log.info("silent")
    setup = start(level="INFO")
    Speech(log).is_in(written())
    setup.close()
    log.info("silent again")
    log.error("to nobody of ours")
    start(level="DEBUG", service="second")
    log.debug("all")
    assert [record["message"] for record in written(service="second") if record["logger"] == log.name] == ["all"]
    assert len(written()) == 4


def test_warnings_are_records(start: Start, written: Written, alone: Alone) -> None:
    """Where the application has `logging` capture them."""
    alone()
    start()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        try:
            warnings.warn("mind the gap", UserWarning, stacklevel=1)
        finally:
            logging.captureWarnings(False)
    (record,) = written()
    assert (record["logger"], record["level"]) == ("py.warnings", "WARNING")
    assert "UserWarning: mind the gap" in record["message"]


def test_a_child_logger_and_its_pickled_copy_are_the_same(start: Start, written: Written, alone: Alone) -> None:
    """Loggers are what they were: by name, in their tree."""
    import copy
    import pickle

    alone()
    start()
    logger = get_logger("tests.beside")
    assert logger.getChild("logger") is logging.getLogger("tests.beside.logger")
    assert pickle.loads(pickle.dumps(logger)) is logger is copy.copy(logger)
    assert type(logging.getLogger("tests.beside.new")) is logging.getLoggerClass()
    assert isinstance(logger, logging.Logger)
    Speech(logger.getChild("logger")).is_in(written())

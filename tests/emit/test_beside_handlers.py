"""Handlers of others beside ours: both get each record once, ours is complete, theirs is as ever."""

import copy
import logging
import queue
import sys
from collections.abc import Callable
from logging.handlers import MemoryHandler, QueueHandler, QueueListener
from typing import Any

import pytest

from logpipe import Logging, log_business_event, log_performance
from tests.emit.speech import Keeper, Speech, added, ours_of

Start = Callable[..., Logging]
Written = Callable[..., list[dict[str, Any]]]
Alone = Callable[[], None]


@pytest.mark.parametrize("where", ["root", "logger", "parent"])
@pytest.mark.parametrize("when", ["before", "after", "between"])
def test_a_handler_on_the_way_gets_what_it_got(
    start: Start, written: Written, alone: Alone, log: logging.Logger, where: str, when: str
) -> None:
    """Added before the setup, after it, or after the logger was used; taken away it gets nothing more."""
    alone()
    theirs = Keeper()
    place = {"root": logging.root, "logger": log, "parent": logging.getLogger("tests.beside")}[where]
    if when == "before":
        with added(theirs, place):
            start()
            speech = Speech(log)
    else:
        start()
        if when == "between":
            log.info("warm")
        with added(theirs, place):
            speech = Speech(log)
    log.info("alone again")
    speech.was_seen(theirs.records)
    ours = [record for record in written() if record["message"] not in ("warm", "alone again")]
    speech.is_in(sorted(ours, key=lambda record: int(record["seq"])))
    assert len(written()) == (6 if when == "between" else 5)


def test_a_logger_that_does_not_propagate_is_theirs_alone(
    start: Start, written: Written, alone: Alone, log: logging.Logger
) -> None:
    """Until it propagates; also where that changes after it was used."""
    alone()
    start()
    theirs = Keeper()
    log.info("ours")
    log.propagate = False
    with added(theirs, log):
        Speech(log).was_seen(theirs.records)
    log.propagate = True
    log.info("ours again")
    assert [record["message"] for record in written()] == ["ours", "ours again"]


def test_ours_on_a_logger_that_does_not_propagate(
    start: Start, written: Written, alone: Alone, log: logging.Logger
) -> None:
    """An application may put our handler where it wants it."""
    alone()
    start()
    log.propagate = False
    log.addHandler(ours_of())
    speech = Speech(log)
    speech.is_in(written())


def test_levels_of_handlers_and_loggers_hold(start: Start, written: Written, alone: Alone, log: logging.Logger) -> None:
    """Changed at any time, on either side."""
    alone()
    start(level="INFO")
    log.debug("no")
    log.setLevel(logging.DEBUG)
    log.debug("one")
    ours_of().setLevel(logging.WARNING)
    log.info("no")
    log.warning("two")
    ours_of().setLevel(logging.NOTSET)
    logging.getLogger("tests.beside").setLevel(logging.ERROR)
    log.setLevel(logging.NOTSET)
    log.warning("no")
    logging.getLogger("tests.beside").setLevel(logging.NOTSET)
    log.warning("three")
    logging.root.setLevel(logging.ERROR)
    log.warning("no")
    assert [record["message"] for record in written()] == ["one", "two", "three"]


def test_behind_a_queue_ours_is_complete(start: Start, written: Written, alone: Alone, log: logging.Logger) -> None:
    """But for what the queue does not carry: template and context; a stack trace is found in the message again."""
    alone()
    start()
    ours, waiting = ours_of(), queue.Queue[logging.LogRecord]()
    logging.root.removeHandler(ours)
    listener = QueueListener(waiting, ours)
    listener.start()
    with added(QueueHandler(waiting), logging.root):
        log.info("cart %s", 7, extra={"rows": 2})
        try:
            int("x")
        except ValueError:
            log.exception("failed")
    listener.stop()
    first, second = written()
    assert (first["message"], first["rows"], first["thread"]) == ("cart 7", 2, "MainThread")
    assert (first["module"], first["function"]) == (
        "test_beside_handlers",
        "test_behind_a_queue_ours_is_complete",
    )
    assert second["message"] == "failed"
    assert second["exception_stacktrace"].startswith("Traceback (most recent call last):\n")
    assert second["exception_stacktrace"].endswith("ValueError: invalid literal for int() with base 10: 'x'")


def test_a_queue_beside_ours_has_what_it_had(start: Start, written: Written, alone: Alone, log: logging.Logger) -> None:
    """What its handler does to a record is done to a copy."""
    alone()
    start()
    waiting, theirs = queue.Queue[logging.LogRecord](), Keeper()
    with added(QueueHandler(waiting), logging.root):
        Speech(log).is_in(written())
    listener = QueueListener(waiting, theirs)
    listener.start()
    listener.stop()
    said = [record.getMessage().partition("\n")[0] for record in theirs.records]
    assert said == ["cart 7 is large", "fields", "failed", "by number"]


def test_a_memory_handler_gives_ours_the_records_later(
    start: Start, written: Written, alone: Alone, log: logging.Logger
) -> None:
    """With the times and places at which they were made."""
    alone()
    start()
    ours = ours_of()
    logging.root.removeHandler(ours)
    memory = MemoryHandler(100, flushLevel=logging.CRITICAL, target=ours)
    with added(memory, logging.root):
        log.info("one")
        log.info("two")
        assert written() == []
        memory.close()
    assert [record["message"] for record in written()] == ["one", "two"]
    assert written()[0]["function"] == "test_a_memory_handler_gives_ours_the_records_later"


def test_a_handler_that_changes_records_changes_ours_only_in_what_it_changed(
    start: Start, written: Written, alone: Alone, log: logging.Logger
) -> None:
    """Formatters that colour, or leave their text in the record, stand before ours."""
    alone()

    class Colours(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            record.levelname = f"\x1b[31m{record.levelname}\x1b[0m"
            return super().format(record)

    theirs = logging.StreamHandler(stream=(sink := _Sink()))
    theirs.setFormatter(Colours("%(asctime)s %(levelname)s %(message)s"))
    with added(theirs, logging.root):
        start()
        Speech(log).is_in(written())
    assert sink.text.count("\x1b[31mINFO\x1b[0m cart 7 is large") == 1
    assert not [record for record in written() if {"asctime", "level_name", "exc_text"} & set(record)]


class _Sink:
    text = ""

    def write(self, words: str) -> None:
        self.text += words

    def flush(self) -> None:
        pass


def test_adapters_give_fields(start: Start, written: Written, alone: Alone, log: logging.Logger) -> None:
    """With the place of who called the adapter; ones that change the message or merge fields, too."""
    alone()
    start()

    class Merging(logging.LoggerAdapter[Any]):
        def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
            fields = dict(self.extra or {})
            return f"[{fields['tenant']}] {msg}", {**kwargs, "extra": {**fields, **kwargs["extra"]}}

    adapter = logging.LoggerAdapter(log, {"tenant": "t"})
    adapter.info("cart %s", 7)
    Merging(adapter, {"tenant": "u"}).info("cart %s", 8, extra={"rows": 2})
    if sys.version_info >= (3, 13):
        logging.LoggerAdapter(log, {"tenant": "t"}, merge_extra=True).info("m", extra={"rows": 3})
        assert (written()[2]["tenant"], written()[2]["rows"]) == ("t", 3)
    first, second = written()[:2]
    assert (first["message"], first["tenant"]) == ("cart 7", "t")
    assert second["message"] == "[u] cart 8"
    assert second["line"] == first["line"] + 1
    assert first["function"] == "test_adapters_give_fields"


def test_records_made_elsewhere_keep_what_they_say(
    start: Start, written: Written, alone: Alone, log: logging.Logger
) -> None:
    """Of another process, by a socket or a queue: its time, place, process and thread."""
    alone()
    start()
    said = {"name": "far", "msg": "m %s", "args": (1,), "levelno": 30, "levelname": "WARNING", "process": 4711}
    said |= {"threadName": "T", "module": "m", "funcName": "f", "lineno": 3, "created": 0.5, "rows": 2}
    log.handle(logging.makeLogRecord(said))
    (record,) = written()
    assert (record["logger"], record["message"], record["level"], record["rows"]) == ("far", "m 1", "WARNING", 2)
    assert [record[key] for key in ("module", "function", "line", "process", "thread")] == ["m", "f", 3, 4711, "T"]
    assert record["timestamp"] == "1970-01-01T00:00:00.500000Z"


def test_performance_and_business_records_reach_other_handlers(start: Start, written: Written, alone: Alone) -> None:
    """As messages that they can format."""
    alone()
    theirs = Keeper()
    start()
    with added(theirs, logging.root):
        log_performance("query", 12.5, rows=3)
        log_business_event("sold", total=42)
    assert [record.getMessage() for record in theirs.records] == ["query took 12.500 ms", "sold"]
    assert [record.funcName for record in theirs.records] == [record["function"] for record in written()]
    assert len(written()) == 2


def test_a_record_is_not_changed_for_those_after_ours(
    start: Start, written: Written, alone: Alone, log: logging.Logger
) -> None:
    """Nothing is added to it or taken from it."""
    alone()
    before, after = Copier(), Keeper()
    with added(before, logging.root):
        start()
        with added(after, logging.root):
            Speech(log)
    assert [record.__dict__ for record in after.records] == before.copies


class Copier(logging.Handler):
    """Keeps what stands in each record when it comes by."""

    def __init__(self) -> None:
        super().__init__()
        self.copies: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Copies."""
        self.copies.append(copy.copy(record.__dict__))

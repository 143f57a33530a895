"""What the tests of this folder log, and what each who takes it must have got: once, complete, with its place."""

import inspect
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from logpipe import log_context


def line() -> int:
    """Of the caller."""
    return inspect.stack()[1].lineno


class Keeper(logging.Handler):
    """A handler of somebody else's."""

    def __init__(self, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps the record itself, not its text."""
        self.records.append(record)


class Speech:
    """Four records by a logger: with arguments, with fields, with an exception, and of a level by number."""

    def __init__(self, log: logging.Logger | logging.LoggerAdapter[Any], name: str | None = None) -> None:
        self.name = name or log.name
        with log_context(request_id="r-1"):
            log.info("cart %s is large", 7)
            log.warning("fields", extra={"user_id": 1, "rows": 2})
            try:
                int("x")
            except ValueError:
                log.exception("failed")
            log.log(logging.WARNING, "by number")
            self.last = line() - 1

    @property
    def _lines(self) -> list[int]:
        return [self.last - 6, self.last - 5, self.last - 1, self.last]

    def is_in(self, ours: list[dict[str, Any]]) -> None:
        """
        Raises:
            AssertionError: these are not the records, each once.
        """
        place = [(r["module"], r["function"], r["line"], r["logger"]) for r in ours]
        assert place == [("speech", "__init__", at, self.name) for at in self._lines]
        assert [r["message"] for r in ours] == ["cart 7 is large", "fields", "failed", "by number"]
        assert [r["level"] for r in ours] == ["INFO", "WARNING", "ERROR", "WARNING"]
        assert [r["request_id"] for r in ours] == ["r-1"] * 4
        assert [r.get("template") for r in ours] == ["cart %s is large", None, None, None]
        assert (ours[1]["user_id"], ours[1]["rows"]) == ("1", 2)
        assert ours[2]["exception_type"] == "ValueError"
        assert ours[2]["exception_stacktrace"].startswith("Traceback (most recent call last):\n")

    def was_seen(self, theirs: list[logging.LogRecord]) -> None:
        """
        Raises:
            AssertionError: these are not the LogRecords as `logging` makes them, each once.
        """
        place = [(r.module, r.funcName, r.lineno, r.name) for r in theirs]
        assert place == [("speech", "__init__", at, self.name) for at in self._lines]
        said = [(r.msg, r.args, r.levelno, r.levelname) for r in theirs]
        assert said == [
            ("cart %s is large", (7,), 20, "INFO"),
            ("fields", (), 30, "WARNING"),
            ("failed", (), 40, "ERROR"),
            ("by number", (), 30, "WARNING"),
        ]
        assert (theirs[1].__dict__["user_id"], theirs[1].__dict__["rows"]) == (1, 2)
        assert theirs[2].exc_info is not None
        assert theirs[2].exc_info[0] is ValueError
        assert theirs[2].exc_info[2] is not None
        assert [set(record.__dict__) - _OF_LOGGING for record in theirs] == [set(), {"user_id", "rows"}, set(), set()]


_OF_LOGGING = {*logging.makeLogRecord({}).__dict__, "message", "asctime"}


@contextmanager
def added(handler: logging.Handler, *loggers: logging.Logger) -> Iterator[None]:
    """The handler on loggers for a while."""
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)


def ours_of(root: logging.Logger = logging.root) -> logging.Handler:
    """The handler that the setup put on the root logger."""
    (handler,) = (handler for handler in root.handlers if type(handler).__module__.startswith("logpipe"))
    return handler

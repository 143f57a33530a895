"""`dictConfig` and `basicConfig` before the setup and after it."""

import logging
import logging.config
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from logpipe import Logging
from tests.emit.speech import Keeper, Speech

Start = Callable[..., Logging]
Written = Callable[..., list[dict[str, Any]]]
Alone = Callable[[], None]


@pytest.fixture
def tree() -> Iterator[None]:
    """What a configuration does to the loggers is undone."""
    loggers = [logging.root, *logging.Logger.manager.loggerDict.values()]
    before = [(x, x.level, x.disabled, x.propagate, x.handlers[:]) for x in loggers if isinstance(x, logging.Logger)]
    yield
    for logger, level, disabled, propagate, handlers in before:
        logger.setLevel(level)
        logger.disabled, logger.propagate, logger.handlers[:] = disabled, propagate, handlers


CONFIGURATION: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"kept": {"class": "tests.emit.speech.Keeper"}},
    "root": {"handlers": ["kept"], "level": "INFO"},
}


def keeper() -> Keeper:
    """The one that a configuration made."""
    (handler,) = (handler for handler in logging.root.handlers if type(handler).__name__ == "Keeper")
    assert isinstance(handler, Keeper)
    return handler


def test_a_configuration_before_the_setup_stays(
    tree: None, start: Start, written: Written, alone: Alone, log: logging.Logger
) -> None:
    """Both get all."""
    alone()
    logging.config.dictConfig(CONFIGURATION)
    start()
    speech = Speech(log)
    speech.is_in(written())
    speech.was_seen(keeper().records)


def test_a_configuration_of_the_root_takes_ours_away_until_the_next_setup(
    tree: None, start: Start, written: Written, alone: Alone, log: logging.Logger
) -> None:
    """After which no front end writes anything twice."""
    from loguru import logger as loguru_logger

    alone()
    start(level="INFO")
    logging.config.dictConfig(CONFIGURATION)
    log.info("theirs alone")
    start(level="INFO")
    loguru_logger.info("by loguru")
    speech = Speech(log)
    assert written()[0]["message"] == "by loguru"
    speech.is_in(written()[1:])
    speech.was_seen(keeper().records[1:])


def test_a_configuration_without_the_root_leaves_ours(
    tree: None, start: Start, written: Written, alone: Alone, log: logging.Logger
) -> None:
    """One of a logger, and an incremental one; levels that they set hold."""
    alone()
    log.info("used before")
    start(level="INFO")
    without_root = {key: value for key, value in CONFIGURATION.items() if key != "root"}
    logging.config.dictConfig(without_root | {"loggers": {log.name: {"handlers": ["kept"], "level": "DEBUG"}}})
    (theirs,) = log.handlers
    log.debug("below")
    speech = Speech(log)
    logging.config.dictConfig({"version": 1, "incremental": True, "loggers": {log.name: {"level": "ERROR"}}})
    log.warning("too low")
    assert written()[0]["message"] == "below"
    speech.is_in(written()[1:])
    assert isinstance(theirs, Keeper)
    speech.was_seen(theirs.records[1:])


def test_loggers_that_a_configuration_disables_are_silent(
    tree: None, start: Start, written: Written, alone: Alone, log: logging.Logger
) -> None:
    """As `logging` has it, also where they were used before."""
    alone()
    start()
    log.warning("before")
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": True})
    log.error("disabled")
    log.disabled = False
    start()
    log.warning("after")
    assert {record["message"] for record in written()} == {"before", "after"}
    assert len(written()) == 2


def test_basic_config_after_the_setup_changes_nothing(
    start: Start, written: Written, alone: Alone, log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """The root logger has a handler, so `logging` leaves it alone."""
    alone()
    start()
    logging.basicConfig(level=logging.CRITICAL)
    Speech(log).is_in(written())
    assert capsys.readouterr().err == ""

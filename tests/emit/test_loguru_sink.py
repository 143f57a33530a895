"""Loguru's records are the same as those of `logging`."""

from collections.abc import Callable, Iterator

import pytest
from loguru import logger

from logpipe import Logging, get_logger, log_context
from logpipe.record import KEYS

Start = Callable[..., Logging]
Written = Callable[..., list[dict[str, object]]]


@pytest.fixture(autouse=True)
def no_sinks() -> Iterator[None]:
    """Each test begins and ends without sinks."""
    logger.remove()
    yield
    logger.remove()


def test_both_front_ends_write_the_same_record(shop: Logging, written: Written) -> None:
    """Same keys in the same order and, but for place and time, the same values."""
    front_ends: list[Callable[[], None]] = [
        lambda: get_logger(__name__).exception("hello", extra={"user_id": 7, "rows": 2}),
        lambda: logger.bind(user_id=7, rows=2).exception("hello"),
    ]
    for write in front_ends:
        with log_context(request_id="r"):
            try:
                int("x")
            except ValueError:
                write()
    first, second = written("error")
    assert list(first) == list(second)
    assert tuple(first)[-1] == "rows"
    assert list(first)[:-1] == [key for key in KEYS if key in first]
    differ = ("timestamp", "line", "seq")
    assert {k: v for k, v in first.items() if k not in differ} == {k: v for k, v in second.items() if k not in differ}


def test_loguru_levels_and_the_lowest_level(start: Start, written: Written) -> None:
    """SUCCESS is kept as the level's name; what is below the level is not written."""
    start(level="DEBUG")
    logger.trace("no")
    logger.debug("d")
    logger.success("s {}", 1)
    logger.critical("c")
    assert [(r["level"], r.get("level_name"), r["message"]) for r in written()] == [
        ("DEBUG", None, "d"),
        ("INFO", "SUCCESS", "s 1"),
        ("CRITICAL", None, "c"),
    ]


def test_other_sinks_of_the_application_stay(start: Start, written: Written) -> None:
    """Ours is one among them, is replaced by the next setup, and goes with close."""
    seen: list[str] = []
    logger.add(lambda message: seen.append(message.record["message"]), level="INFO")
    start()
    logging = start()
    logger.info("once")
    logging.close()
    logger.info("closed")
    assert seen == ["once", "closed"]
    assert [record["message"] for record in written()] == ["once"]


def test_loguru_can_be_left_alone(start: Start, written: Written) -> None:
    """`loguru=False` does not touch it."""
    start(loguru=False)
    logger.error("not ours")
    assert written() == []


def test_a_hostile_value_does_not_raise_into_loguru(shop: Logging, written: Written) -> None:
    """Nor is the record lost."""
    logger.bind(value=2**70, timestamp="mine").info("\ud800")
    (record,) = written()
    assert (record["value"], record["timestamp_"], record["message"]) == (str(2**70), "mine", "\\ud800")

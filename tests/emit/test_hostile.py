"""Hostile values, by each front end and in each place of a call: nothing raises, and each call is one valid line."""

import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, Mock

import orjson
import pytest
from loguru import logger

from logpipe import Logging, get_logger, log_business_event, log_context, setup_logging
from tests.emit.hostile import HOSTILE, Unprintable

Lines = Callable[[], list[dict[str, Any]]]
Log = Callable[[object, dict[str, object]], None]


def by_logging(message: object, fields: dict[str, object]) -> None:
    """`logging`."""
    get_logger("shop.hostile").info(message, extra=fields)


def by_loguru(message: object, fields: dict[str, object]) -> None:
    """loguru."""
    logger.bind(**fields).info(message)


def by_call(message: object, fields: dict[str, object]) -> None:
    """A business event."""
    log_business_event("tried", event_data=fields, message=message)  # type: ignore[arg-type]  # people log other things


def by_context(message: object, fields: dict[str, object]) -> None:
    """The context around a call."""
    with log_context(**fields):
        get_logger("shop.hostile").info(message)


def by_structlog(message: object, fields: dict[str, object]) -> None:
    """structlog."""
    import structlog

    import logpipe

    processor = getattr(logpipe, "structlog_processor", None)
    if processor is None:
        pytest.skip("no processor for structlog yet")
    structlog.configure(processors=[processor])
    try:
        structlog.get_logger("shop.hostile").info(message, **fields)
    finally:
        structlog.reset_defaults()


FRONT_ENDS: dict[str, Log] = {
    "logging": by_logging,
    "loguru": by_loguru,
    "call": by_call,
    "context": by_context,
    "structlog": by_structlog,
}


LOGURU_RAISES = (
    *("unprintable", "unprintable, inside", "a str() that is no text", "endless repr"),
    *("10**5000", "2,000 lists deep", "2,000 dicts deep"),
)
"""Messages on which loguru itself calls str(), before any sink has the record."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the logs of all tests here."""
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def shop(folder: Path) -> Iterator[Logging]:
    """One service for all tests here: to set up one for each would take longer than they do."""
    installed = setup_logging(service="shop", log_dir=folder, console=False, level="TRACE")
    yield installed
    installed.close()


@pytest.fixture(params=FRONT_ENDS)
def log(request: pytest.FixtureRequest, shop: Logging, alone: Callable[[], None]) -> Log:
    """A front end, of a service that is set up."""
    front_end = FRONT_ENDS[request.param]

    def call(message: object, fields: dict[str, object]) -> None:
        alone()
        front_end(message, fields)

    call.__name__ = front_end.__name__
    return call


@pytest.fixture
def lines(shop: Logging, folder: Path) -> Lines:
    """All lines of this test so far, each held to be one valid JSON object that breaks no line."""
    before = {path: path.stat().st_size for path in (folder / "shop").glob("*.jsonl")}

    def read() -> list[dict[str, Any]]:
        records = []
        for path in (folder / "shop").glob("*.jsonl"):
            with path.open("rb") as file:
                file.seek(before.get(path, 0))
                data = file.read()
            assert not data or data.endswith(b"\n")
            for line in data.split(b"\n")[:-1]:
                assert not re.search(rb"[\x00-\x1f]", line)
                orjson.loads(line)  # refuses NaN and lone surrogates
                records.append(json.loads(line))
        return sorted(records, key=lambda record: int(record["seq"]))

    return read


def stands_for(value: object, expected: object) -> bool:
    """Whether what was read is what was to stand for a value; true is not 1, and -0.0 is not 0."""
    if expected is ...:
        return value is not None
    if isinstance(expected, re.Pattern):
        return isinstance(value, str) and bool(expected.search(value))
    return repr(value) == repr(expected)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_value_is_one_valid_line(log: Log, lines: Lines, name: str) -> None:
    """As the value of a field; it can be told from the line what it was."""
    hostile = HOSTILE[name]
    log("tried", {"value": hostile.make(), "after": 1})
    (record,) = lines()
    assert record["message"] == "tried"
    if "truncated_from_bytes" in record and "value" not in record:
        return  # so long that the attributes went
    assert record["after"] == 1
    assert stands_for(record["value"], hostile.stands)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_message_is_one_valid_line(log: Log, lines: Lines, name: str) -> None:
    """In the place of the message."""
    if log.__name__ == "by_loguru" and name in LOGURU_RAISES:
        pytest.skip("loguru calls str() itself")
    value = HOSTILE[name].make()
    log(value, {"after": 1})
    (record,) = lines()
    assert isinstance(record["message"], str)
    assert record["after"] == 1


@pytest.mark.parametrize("field", ["request_id", "duration_ms", "http_status", "event"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_value_of_a_field_of_the_record_is_one_valid_line(
    shop: Logging, lines: Lines, alone: Callable[[], None], field: str, name: str
) -> None:
    """Fields with a column: what it cannot hold stands under another name, and is not lost."""
    alone()
    get_logger().info("tried", extra={field: HOSTILE[name].make()})
    (record,) = lines()
    assert record["message"] == "tried"
    if name not in ("none", "100,000 numbers"):
        assert field in record or f"{field}_" in record


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_argument_is_one_valid_line(
    shop: Logging, lines: Lines, name: str, alone: Callable[[], None]
) -> None:
    """Put into the message, alone and beside another; the template is kept."""
    alone()
    get_logger().info("one %s", HOSTILE[name].make())
    get_logger().info("two %s %s", 7, HOSTILE[name].make())
    first, second = lines()
    assert str(first["message"]).startswith("one ")
    assert (first["template"], second["template"]) == ("one %s", "two %s %s")
    assert str(second["message"]).startswith("two 7 ") or "format_error" in second


KEYS = {
    "empty": "",
    "dotted": "a.b",
    "lone surrogate": "\ud800",
    "line feed": "a\nb",
    "NUL": "\0",
    "quote": '"',
    "long": "k" * 300_000,
    "number": 7,
    "tuple": (1, 2),
    "none": None,
    "bytes": b"k",
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_a_hostile_key_is_one_valid_line(shop: Logging, lines: Lines, key: object, alone: Callable[[], None]) -> None:
    """Also one that is no text, which `extra` lets through."""
    alone()
    get_logger().info("tried", extra={key: 1})  # type: ignore[dict-item]  # people do
    get_logger().info({"message": "tried", key: 1})
    first, second = lines()
    assert first["message"] == second["message"] == "tried"
    assert len(set(first) - set(second)) <= 1


ATTRIBUTES = sorted({*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"})


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_a_field_named_as_an_attribute_of_logrecord_is_kept(
    shop: Logging, lines: Lines, attribute: str, alone: Callable[[], None]
) -> None:
    """`logging` itself would refuse them with a KeyError."""
    alone()
    get_logger().info("tried", extra={attribute: "given"})
    (record,) = lines()
    assert record["message"] == "tried"
    assert "given" in (record.get(attribute), record.get(f"{attribute}_"))


@pytest.mark.parametrize("attribute", [*ATTRIBUTES, "level", "time", "extra", "record", "elapsed", "file"])
def test_a_field_named_as_a_part_of_logurus_record_is_kept(shop: Logging, lines: Lines, attribute: str) -> None:
    """Under its name, or with an underscore where the emitter fills that name."""
    logger.bind(**{attribute: "given"}).info("tried")
    (record,) = lines()
    assert record["message"] == "tried"
    assert "given" in (record.get(attribute), record.get(f"{attribute}_"))


ARGUMENTS: dict[str, tuple[str, tuple[object, ...]]] = {
    "wrong type": ("%d", ("x",)),
    "too many": ("one %s", (1, 2)),
    "too few": ("%s %s", (1,)),
    "none wanted": ("none", (1,)),
    "missing name": ("%(x)s", ({"y": 1},)),
    "unknown letter": ("%y", (1,)),
    "cut": ("100%", (1,)),
    "width of a gigabyte": ("%*d", ("x", 1)),
    "unprintable": ("%s", (Unprintable(),)),
    "unprintable repr": ("%r", (Unprintable(),)),
    "empty dict": ("%s", ({},)),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_that_do_not_fit_lose_no_record(
    shop: Logging, lines: Lines, alone: Callable[[], None], name: str
) -> None:
    """Template and arguments are kept, and what was wrong is said."""
    alone()
    template, arguments = ARGUMENTS[name]
    get_logger().info(template, *arguments)
    (record,) = lines()
    assert record["template"] == template
    assert "format_error" in record or name == "empty dict"


@pytest.mark.parametrize(
    "info",
    [
        True,
        False,
        (None, None, None),
        (ValueError, ValueError("x"), None),
        (ValueError, None, None),
        ValueError("never raised"),
        Unprintable(),
        "text",
        7,
        (1, 2),
        (1, 2, 3),
        ("ValueError", "x", "trace"),
        (int, 1, 2),
        (ValueError, "x", None),
        (ValueError, ValueError("x"), "trace"),
        (ValueError, Unprintable(), Unprintable()),
        Mock(spec=ValueError),
        [],
        ValueError(Unprintable()),
        ExceptionGroup("many", [ValueError("a"), ExceptionGroup("more", [KeyError("b")])]),
        KeyboardInterrupt(),
        SyntaxError("bad", ("file", 1, 2, "text", 1, 3)),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad \ud800"),
    ],
    ids=lambda info: type(info).__name__,
)
def test_odd_exception_information_loses_no_record(
    shop: Logging, lines: Lines, alone: Callable[[], None], info: Any
) -> None:
    """One record, that of the call."""
    alone()
    get_logger().error("failed", exc_info=info)
    (record,) = lines()
    assert record["message"] == "failed"


@pytest.mark.parametrize("field", ["request_id", "duration_ms", "http_status", "items"])
@pytest.mark.parametrize("kind", [int, float, str, dict, list, set, bytes])
@pytest.mark.parametrize("mock", [Mock, MagicMock])
def test_a_mock_loses_no_message(
    shop: Logging, lines: Lines, alone: Callable[[], None], field: str, kind: type, mock: type[Mock]
) -> None:
    """Beside a number that orjson refuses, too."""
    alone()
    get_logger().info("tried", extra={field: mock(spec=kind), "large": [mock(spec=kind), 2**70]})
    (record,) = lines()
    assert record["message"] == "tried"
    assert {field, f"{field}_"} & record.keys()
    assert record["large"][1] == str(2**70)


class Faceless:
    """Raises when its class is asked for, as every isinstance() does."""

    @property
    def __class__(self) -> Any:  # Any, as it gives nothing
        """Raises."""
        raise RuntimeError("no")

    @__class__.setter
    def __class__(self, value: object) -> None:
        """Python asks for both."""


@pytest.mark.parametrize("field", ["request_id", "duration_ms", "http_status", "items"])
def test_a_value_whose_class_cannot_be_asked_for_loses_no_message(
    shop: Logging, lines: Lines, alone: Callable[[], None], field: str
) -> None:
    """By the call's fields and as an argument."""
    alone()
    get_logger().info("tried", extra={field: Faceless(), "large": [Faceless(), 2**70]})
    get_logger().info("tried %s", Faceless())
    first, second = lines()
    assert (first["message"], second["template"]) == ("tried", "tried %s")


def test_what_changes_after_the_call_changes_nothing(shop: Logging, lines: Lines) -> None:
    """A list or a dict is written as it was."""
    items, fields = [1], {"a": {"b": 1}}
    get_logger().info("tried", extra={"items": items, **fields})
    items.append(2)
    fields["a"]["b"] = 2
    (record,) = lines()
    assert (record["items"], record["a"]) == ([1], {"b": 1})


def test_a_value_that_ends_the_process_may(shop: Logging, lines: Lines, alone: Callable[[], None]) -> None:
    """SystemExit and Ctrl-C pass, as they may come of a signal handler; the next record is written as ever."""
    alone()

    class Ends:
        def __init__(self, error: type[BaseException]) -> None:
            self.error = error

        def __str__(self) -> str:
            raise self.error

    for error in (SystemExit, KeyboardInterrupt):
        with pytest.raises(error):
            get_logger().info("tried", extra={"value": Ends(error)})
        with pytest.raises(error):
            get_logger().info("%s", Ends(error))
    for _ in range(10):
        get_logger().info("after")
    assert [record["message"] for record in lines() if record["message"] == "after"] == ["after"] * 10

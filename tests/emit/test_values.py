"""Whatever an application logs becomes one valid line, and plain values come back as they were."""

import json
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logpipe import Logging, get_logger, log_business_event
from logpipe.emit.tracing import CARRIED
from logpipe.emit.values import render
from logpipe.record import KEYS

Start = Callable[..., Logging]
Written = Callable[..., list[dict[str, object]]]

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
HOSTILE = st.recursive(
    PLAIN
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.decimals()
    | st.binary()
    | st.dates()
    | st.text(st.characters(categories=("Cs", "Cc", "L", "So"))),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.frozensets(st.integers() | st.text(), max_size=3)
        | st.dictionaries(st.integers() | st.text() | st.tuples(st.integers()), inner, max_size=3)
    ),
    max_leaves=12,
)
each_example_adds_to_one_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@pytest.fixture
def unredacted(start: Start) -> Logging:
    """Hypothesis tries the words of our code too, among them the names of secrets."""
    return start(redact=False)


@given(st.text(), st.dictionaries(st.text(min_size=1), PLAIN, max_size=5))
@each_example_adds_to_one_file
def test_plain_values_come_back_as_they_were(unredacted: Logging, message: str, fields: dict[str, object]) -> None:
    """Message and attributes round-trip, whatever the keys; the record's own keys come first and in order."""
    fields = {key: value for key, value in fields.items() if key not in (*KEYS, *CARRIED)}
    log_business_event("e", event_data=fields, message=message)
    record = json.loads(unredacted.paths["business"].read_bytes().splitlines()[-1])
    assert record["message"] == message
    assert {key: value for key, value in record.items() if key not in KEYS} == fields
    own = [key for key in record if key in KEYS]
    assert own == [key for key in KEYS if key in record] == list(record)[: len(own)]


@given(HOSTILE, st.dictionaries(st.text(st.characters()), HOSTILE, max_size=3))
@each_example_adds_to_one_file
def test_hostile_values_give_one_valid_line_each(shop: Logging, message: object, fields: dict[str, object]) -> None:
    """No record is lost, none raises, none spans lines."""
    before = len(shop.paths["business"].read_bytes().splitlines())
    log_business_event("e", event_data=fields, message=message)  # type: ignore[arg-type]  # people do log other things
    lines = shop.paths["business"].read_bytes().split(b"\n")[:-1]
    assert len(lines) == before + 1
    assert json.loads(lines[-1])["event"] == "e"


class Unprintable:
    """Raises wherever it is looked at."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class LogsItself:
    """Logs when it is printed."""

    def __str__(self) -> str:
        get_logger().info("nested", extra={"value": self})
        return "itself"


class Unreadable(dict[str, object]):
    """A mapping that cannot be iterated."""

    def items(self) -> object:  # type: ignore[override]  # broken on purpose
        raise RuntimeError("no")


@dataclass
class Point:
    """Orjson knows dataclasses."""

    x: int


def cycle() -> list[object]:
    """A list that holds itself."""
    items: list[object] = [1]
    items.append(items)
    return items


def deep(levels: int) -> list[object]:
    """Lists in lists."""
    value: list[object] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (float("-inf"), None),
        (2**70, str(2**70)),
        (10**5000, hex(10**5000)),
        ("\ud800x", "\\ud800x"),
        (b"\xff\n", "\\xff\n"),
        (cycle(), [1, "<cycle to list>"]),
        ({1: "a", (2, 3): "b"}, {"1": "a", "(2, 3)": "b"}),
        (Unprintable(), "<unprintable Unprintable>"),
        ([Unprintable(), 2**70], ["<unprintable Unprintable>", str(2**70)]),
        ([Unreadable(), 2**70], ["<unreadable Unreadable>", str(2**70)]),
        (ValueError("x"), "ValueError('x')"),
        ({7}, [7]),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (OrderedDict(a=2**70), {"a": str(2**70)}),
        (Decimal("1.10"), "1.10"),
        (PurePosixPath("/x"), "/x"),
        (Point(1), {"x": 1}),
        ([Point(1), 2**70], [{"x": 1}, str(2**70)]),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        ("a\r\nb\u2028\x00\x1b[31m{}%s<red>", "a\r\nb\u2028\x00\x1b[31m{}%s<red>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_does_not_have_is_said_otherwise(
    shop: Logging, written: Written, alone: Callable[[], None], value: object, expected: object
) -> None:
    """As an attribute; and as a message and an argument nothing is lost either."""
    alone()
    log = get_logger()
    log.info("value", extra={"value": value})
    log.info(value)
    log.info("arg %s", value)
    log.info("arg", extra={"\ud800": value})
    first, *rest = written()
    assert first["value"] == expected
    assert len(rest) == 3


def test_deep_nesting_is_cut(shop: Logging, written: Written) -> None:
    """Where a reader would give up too."""
    get_logger().info("m", extra={"value": deep(2000)})
    assert "nested too deep" in json.dumps(written()[0]["value"])


def test_a_value_that_logs_itself_ends(shop: Logging, written: Written) -> None:
    """The records in between are written up to a limit, and past it counted."""
    get_logger().info("outer", extra={"value": LogsItself()})
    shop.flush()
    records = written("app")
    assert [record["message"] for record in records].count("outer") == 1
    dropped = [record["count"] for record in records if record.get("event") == "logpipe.dropped"]
    assert dropped == [1]


def test_logging_near_the_recursion_limit_keeps_records_valid(shop: Logging, written: Written) -> None:
    """The application's own RecursionError is not made worse."""

    def dive(depth: int) -> None:
        if depth:
            dive(depth - 1)
        else:
            get_logger().error("deep")

    limit = sys.getrecursionlimit()
    frame, used = sys._getframe(), 0
    while frame.f_back:
        frame, used = frame.f_back, used + 1
    for spare in range(8, 60, 4):
        try:
            dive(limit - used - spare)
        except RecursionError:  # of the dive itself or of logging's own frames above the handler
            continue
    shop.flush()
    assert written()


@pytest.mark.parametrize("size", [300_000, 10_000_000])
def test_a_line_has_a_greatest_length(start: Start, written: Written, size: int) -> None:
    """Texts keep both ends and say what was cut; the record says how long it was."""
    start(max_line_bytes=65536)
    get_logger().info("<" + "é" * size + ">", extra={"more": ["y" * size], "n": 1})
    (record,) = written()
    message = str(record["message"])
    assert message.startswith("<éé")
    assert message.endswith("éé>")
    assert "characters cut]" in message
    assert record["n"] == 1
    assert isinstance(record["truncated_from_bytes"], int)
    assert record["truncated_from_bytes"] > size


def test_many_small_values_past_the_greatest_length_go(start: Start, written: Written) -> None:
    """When there is nothing to cut in texts, the attributes go and the record stays."""
    logging = start(max_line_bytes=65536)
    get_logger().info("m", extra={"numbers": list(range(100_000))})
    (record,) = written()
    assert record["message"] == "m"
    assert "numbers" not in record
    assert logging.paths["app"].stat().st_size < 65536


class Pair(NamedTuple):
    """Two values with names."""

    user: str
    total: int


def test_a_named_tuple_is_one_text_whatever_is_beside_it() -> None:
    """As its repr, in which names of secrets are found."""
    pair = Pair("bob", 7)
    for beside in (1, 10**30):
        assert b"\"Pair(user='bob', total=7)\"" in render({"pair": pair, "beside": beside, "in": [pair]}, 10_000)

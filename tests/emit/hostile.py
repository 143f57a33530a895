"""What applications log without wanting to, by name: each value, and what is to stand for it in the line.

What stands for it is the JSON value itself, a pattern that is to be found in a text, or `...` where any value will do.
"""

import enum
import os
import re
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from uuid import UUID


class Colour(enum.Enum):
    """An enum."""

    RED = "red"


class Size(enum.IntEnum):
    """An enum that is a number."""

    LARGE = 7


class Name(str):
    """A text of a class of its own."""

    __slots__ = ()


class Count(int):
    """A number of a class of its own."""


@dataclass
class Point:
    """A dataclass."""

    x: int
    y: int


Pair = namedtuple("Pair", "left right")


class Unprintable:
    """Raises wherever it is looked at."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class UnprintableName:
    """Gives something that is not a text."""

    def __str__(self) -> str:
        return 7  # type: ignore[return-value]  # noqa: PLE0307 - wrong on purpose

    __repr__ = __str__


class Liar:
    """Says that it is a text."""

    @property
    def __class__(self) -> Any:  # Any, as a lie is none of the types that mypy knows here
        """Another class."""
        return str

    @__class__.setter
    def __class__(self, value: object) -> None:
        """Python asks for both."""


class LiesAboutNumbers:
    """Says that it is a whole number."""

    @property
    def __class__(self) -> Any:  # Any, as above
        """Another class."""
        return int

    @__class__.setter
    def __class__(self, value: object) -> None:
        """Python asks for both."""


class EndlessRepr:
    """Recurses in its own repr."""

    def __repr__(self) -> str:
        return f"<{self!r}>"


class Attributes:
    """Raises for any attribute that it is asked for."""

    def __getattr__(self, name: str) -> object:
        raise ValueError(name)


class Unreadable(dict[str, object]):
    """A mapping that cannot be iterated."""

    def items(self) -> Any:  # Any, as it gives nothing
        """Raises."""
        raise RuntimeError("no")


class Unequal:
    """Cannot be compared; as the arrays of numpy, which have no truth."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("ambiguous")

    def __bool__(self) -> bool:
        raise ValueError("ambiguous")

    def __hash__(self) -> int:
        return 1

    def __str__(self) -> str:
        return "unequal"


def generator() -> Iterator[int]:
    """One that must not be used up."""
    yield 1


def cyclic_list() -> list[object]:
    """A list that holds itself."""
    items: list[object] = [1]
    items.append(items)
    return items


def cyclic_dict() -> dict[str, object]:
    """A dict that holds itself."""
    items: dict[str, object] = {"a": 1}
    items["self"] = items
    return items


def deep_list(levels: int = 2000) -> list[object]:
    """Lists in lists."""
    value: list[object] = []
    for _ in range(levels):
        value = [value]
    return value


def deep_dict(levels: int = 2000) -> dict[str, object]:
    """Dicts in dicts."""
    value: dict[str, object] = {}
    for _ in range(levels):
        value = {"k": value}
    return value


def numpy_scalar() -> object:
    """Of a package that the emitter never imports."""
    import numpy as np

    return np.float64(1.5)


def numpy_integer() -> object:
    """The same, no subclass of Python's own."""
    import numpy as np

    return np.int64(7)


def numpy_array() -> object:
    """The same, with a truth that raises."""
    import numpy as np

    return np.array([1, 2])


def raised() -> BaseException:
    """An exception with a context, as a value."""
    try:
        os.environ[""]
    except KeyError as error:
        return error
    return ValueError()


class Hostile(NamedTuple):
    """A value, made anew for each try, and what stands for it."""

    make: Callable[[], object]
    stands: object


def _same(value: object) -> Hostile:
    return Hostile(lambda: value, value)


HOSTILE: dict[str, Hostile] = {
    "NaN": Hostile(lambda: float("nan"), None),
    "infinity": Hostile(lambda: float("inf"), None),
    "minus infinity": Hostile(lambda: float("-inf"), None),
    "minus zero": _same(-0.0),
    "NaN inside": Hostile(lambda: {"a": [float("nan"), 2**70]}, {"a": [None, str(2**70)]}),
    "2**63": _same(2**63),
    "2**64 - 1": _same(2**64 - 1),
    "2**64": Hostile(lambda: 2**64, str(2**64)),
    "2**70": Hostile(lambda: 2**70, str(2**70)),
    "-2**63": _same(-(2**63)),
    "-2**70": Hostile(lambda: -(2**70), str(-(2**70))),
    "10**5000": Hostile(lambda: 10**5000, hex(10**5000)),
    "true": _same(True),
    "none": _same(None),
    "decimal": Hostile(lambda: Decimal("1.10"), "1.10"),
    "decimal NaN": Hostile(lambda: Decimal("sNaN"), "sNaN"),
    "fraction": Hostile(lambda: Fraction(1, 3), "1/3"),
    "complex": Hostile(lambda: 1 + 2j, "(1+2j)"),
    "naive datetime": Hostile(lambda: datetime(2026, 1, 2, 3, 4, 5), re.compile("^2026-01-02T03:04:05")),  # noqa: DTZ001
    "datetime": Hostile(lambda: datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
    "date": Hostile(lambda: date(2026, 1, 2), "2026-01-02"),
    "time": Hostile(lambda: time(3, 4, 5), "03:04:05"),
    "time with a zone": Hostile(lambda: time(3, 4, 5, tzinfo=UTC), re.compile("03:04:05")),
    "timedelta": Hostile(lambda: timedelta(seconds=90), "0:01:30"),
    "UUID": Hostile(lambda: UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    "path": Hostile(lambda: PurePosixPath("/var/log"), "/var/log"),
    "bytes": Hostile(lambda: b"\xff\n", "\\xff\n"),
    "bytearray": Hostile(lambda: bytearray(b"abc"), "abc"),
    "memoryview": Hostile(lambda: memoryview(b"abc"), "abc"),
    "enum": Hostile(lambda: Colour.RED, "red"),
    "int enum": Hostile(lambda: Size.LARGE, 7),
    "str subclass": Hostile(lambda: Name("n"), "n"),
    "int subclass": Hostile(lambda: Count(7), 7),
    "dataclass": Hostile(lambda: Point(1, 2), {"x": 1, "y": 2}),
    "dataclass of a NaN": Hostile(lambda: [Point(1, 2), 2**70], [{"x": 1, "y": 2}, str(2**70)]),
    "namedtuple": Hostile(lambda: Pair(1, 2), ...),
    "set": Hostile(lambda: {7}, [7]),
    "frozenset": Hostile(lambda: frozenset((7,)), [7]),
    "set of tuples": Hostile(lambda: {(1, 2)}, [[1, 2]]),
    "generator": Hostile(generator, re.compile("generator")),
    "ordered dict": Hostile(lambda: OrderedDict(a=1), {"a": 1}),
    "dict with number keys": Hostile(lambda: {1: "a", 2.5: "b"}, {"1": "a", "2.5": "b"}),
    "dict with tuple keys": Hostile(lambda: {(2, 3): "b"}, {"(2, 3)": "b"}),
    "dict with none and bool keys": Hostile(lambda: {None: 1, True: 2}, {"None": 1, "True": 2}),
    "dict with bytes keys": Hostile(lambda: {b"k": 1}, ...),
    "dict with keys that become one": Hostile(lambda: {1: "a", "1": "b"}, ...),
    "lone surrogate": Hostile(lambda: "\ud800x", "\\ud800x"),
    "lone surrogate as a key": Hostile(lambda: {"\udfff": 1}, {"\\udfff": 1}),
    "text of a file name": Hostile(lambda: b"\xe9.txt".decode("utf-8", "surrogateescape"), "\\udce9.txt"),
    "cyclic list": Hostile(cyclic_list, [1, "<cycle to list>"]),
    "cyclic dict": Hostile(cyclic_dict, {"a": 1, "self": "<cycle to dict>"}),
    "2,000 lists deep": Hostile(deep_list, ...),
    "2,000 dicts deep": Hostile(deep_dict, ...),
    "unprintable": Hostile(Unprintable, "<unprintable Unprintable>"),
    "unprintable, inside": Hostile(lambda: [Unprintable(), 2**70], ["<unprintable Unprintable>", str(2**70)]),
    "a str() that is no text": Hostile(UnprintableName, re.compile("UnprintableName")),
    "endless repr": Hostile(EndlessRepr, re.compile("EndlessRepr")),
    "unreadable mapping": Hostile(lambda: [Unreadable(a=1), 2**70], ...),
    "raises for attributes": Hostile(Attributes, re.compile("Attributes")),
    "no equality, no truth": Hostile(Unequal, "unequal"),
    "lies about its class": Hostile(Liar, re.compile("Liar")),
    "lies that it is a number": Hostile(LiesAboutNumbers, re.compile("LiesAboutNumbers")),
    "numpy float": Hostile(numpy_scalar, ...),
    "numpy integer": Hostile(numpy_integer, ...),
    "numpy array": Hostile(numpy_array, re.compile("1 2")),
    "exception": Hostile(raised, "KeyError('')"),
    "class": Hostile(lambda: Point, re.compile("Point")),
    "function": Hostile(lambda: generator, re.compile("generator")),
    "carriage return and line feed": _same('a\r\n{"level":"ERROR"}\r\n'),
    "line separators": _same("a\u2028b\u2029c\x85d"),
    "NUL": _same("a\x00b"),
    "other controls": _same("\x01\x08\x0b\x0c\x1f\x7f"),
    "terminal's escape sequences": _same("\x1b[31mred\x1b]0;title\x07"),
    "turned writing": _same("\u202eabc\u2066"),
    "braces": _same("{} {0} {x} {{"),
    "percent signs": _same("% %s %d %(x)s %%"),
    "loguru's marks": _same("<red>x</red> </> \\<"),
    "not a character": _same("\ufffe\uffff\U0010ffff"),
    "empty": _same(""),
    "2 MB": Hostile(lambda: "x" * 2_000_000, re.compile("^x+ ….*characters cut")),
    "100,000 numbers": Hostile(lambda: list(range(100_000)), ...),
}

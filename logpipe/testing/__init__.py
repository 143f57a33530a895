"""What the code under test logged, as objects to assert on.

    def test_an_order_is_logged(logged):
        place_order(total=42)
        assert logged.one(event="order_placed").total == 42
        logged.none(level="ERROR")

The fixture `logged` is there wherever logpipe and pytest are installed. `pytest --logpipe-gate` looks at what all tests
logged, and fails the run on errors that are new, queries that are repeated, and tests that log too much.
"""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, overload

import pytest

if TYPE_CHECKING:
    from logpipe.emit.entry import Resource
    from logpipe.emit.values import Entry

_T = TypeVar("_T")

_MOST_SHOWN = 20


class Record(dict[str, Any]):
    """One record, as a reader of its line gets it; its fields are attributes, too, where no method has their name."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the record has no {name}, but {', '.join(self)}") from None


class Logged(Sequence[Record]):
    """The records so far, in the order in which they were made.

    Records are asked for by their fields: by a value, by a compiled pattern that is to be found in a text, or by `...`
    for one that is there, whatever it is.
    """

    def __init__(self) -> None:
        self._records: list[Record] = []

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        return self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __repr__(self) -> str:
        return f"logged were:{_listed(self._records)}"

    @property
    def messages(self) -> list[str]:
        """Of all records."""
        return [record["message"] for record in self._records]

    def all(self, **fields: object) -> list[Record]:
        """The records with these fields; all of them without any."""
        return [record for record in self._records if _has(record, fields)]

    def one(self, **fields: object) -> Record:
        """The only record with these fields.

        Raises:
            AssertionError: there is none, or more than one; it says what was logged.
        """
        found = self.all(**fields)
        if len(found) == 1:
            return found[0]
        if found:
            raise AssertionError(f"{len(found)} records{_wanted(fields)}, where one should be:{_listed(found)}")
        raise AssertionError(f"no record{_wanted(fields)}; logged were:{_listed(self._records)}")

    def none(self, **fields: object) -> None:
        """
        Raises:
            AssertionError: there is a record with these fields, or any at all.
        """
        found = self.all(**fields)
        if found:
            count = "a record" if len(found) == 1 else f"{len(found)} records"
            raise AssertionError(f"{count}{_wanted(fields)}, where none should be:{_listed(found)}")

    def clear(self) -> None:
        """Forget the records so far."""
        self._records.clear()


def _has(record: Record, fields: dict[str, object]) -> bool:
    return all(name in record and _matches(record[name], wanted) for name, wanted in fields.items())


def _matches(value: object, wanted: object) -> bool:
    if isinstance(wanted, re.Pattern):
        return isinstance(value, str) and wanted.search(value) is not None
    return wanted is ... or value == wanted


def _wanted(fields: dict[str, object]) -> str:
    return " with " + ", ".join(f"{name}={wanted!r}" for name, wanted in fields.items()) if fields else ""


def _listed(records: Sequence[Record]) -> str:
    shown = [_shown(record) for record in records[:_MOST_SHOWN]]
    if len(records) > _MOST_SHOWN:
        shown.append(f"and {len(records) - _MOST_SHOWN} more")
    return "".join(f"\n  {line}" for line in shown) or "\n  nothing"


def _shown(record: Record) -> str:
    from logpipe.emit.entry import RESERVED

    hidden = RESERVED | {"exception_stacktrace"}
    fields = [f"{name}={value!r}" for name, value in record.items() if name not in hidden]
    return " ".join([f"{record['level']} {record.get('logger', '')}: {record['message']}", *fields])


@contextmanager
def capture() -> Iterator[Logged]:
    """What `logging`, loguru, structlog, `log_performance` and `log_business_event` write inside, of any level.

    Nothing need be set up, and no file is written; where something is, both happen.
    """
    import orjson

    logged = Logged()
    with listening(lambda line: logged._records.append(Record(orjson.loads(line)))):  # as a reader gets it
        yield logged


@contextmanager
def listening(take_line: Callable[[bytes], None], level: str = "TRACE") -> Iterator[None]:
    """Hands on each line that would be written inside, from `level` on; the root logger lets as much pass meanwhile."""
    from logpipe.emit import loguru_sink, takers
    from logpipe.emit.entry import Resource
    from logpipe.emit.levels import LEVELS
    from logpipe.emit.redaction import Redaction
    from logpipe.emit.settings import load
    from logpipe.emit.stdlib import LogpipeHandler

    settings, root = load({}), logging.getLogger()
    resource = Resource(settings)
    redaction = Redaction(keys=settings.redact_keys, patterns=settings.redact_patterns, enabled=settings.redact)

    def take(build: "Callable[[_T, Resource], Entry]", source: _T) -> None:
        _, line = redaction.render(build(source, resource), settings.max_line_bytes)
        take_line(line)

    handler, before = LogpipeHandler(take), root.level
    handler.setLevel(LEVELS[level])
    root.addHandler(handler)
    root.setLevel(min(before, LEVELS[level]))
    stops = loguru_sink.listen(take, level), takers.listen(take, level)
    try:
        yield
    finally:
        for stop in stops:
            stop()
        root.setLevel(before)
        root.removeHandler(handler)


@pytest.fixture
def logged() -> Iterator[Logged]:
    """The records that the test has logged so far."""
    with capture() as records:
        yield records


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the gate."""
    group = parser.getgroup("logpipe")
    group.addoption("--logpipe-gate", action="store_true", help="fail the run on what the tests logged that is new")
    group.addoption("--logpipe-update", action="store_true", help="accept what is new into the baseline")
    parser.addini("logpipe_gate", "whether the gate is on without its option", type="bool", default=False)
    parser.addini("logpipe_baseline", "the file of what is accepted", default="logpipe-baseline.json")
    parser.addini("logpipe_level", "the level from which the gate looks at records", default="INFO")
    parser.addini("logpipe_n_plus_one", "so many executions of a query in a test or request are too many", default="10")
    parser.addini("logpipe_max_records", "records of a test at most", default="")
    parser.addini("logpipe_max_bytes", "bytes of the lines of a test at most", default="")


def pytest_configure(config: pytest.Config) -> None:
    """The gate is loaded where it is asked for."""
    if config.getoption("--logpipe-gate") or config.getoption("--logpipe-update") or config.getini("logpipe_gate"):
        from logpipe.testing.gate import Gate

        config.pluginmanager.register(Gate(config), "logpipe-gate")

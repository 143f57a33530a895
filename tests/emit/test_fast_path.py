"""The fast path in C writes what the Python path writes, steps aside where others have a say, and is taken else."""

import logging
import re
import subprocess
import sys
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loguru import logger as loguru_logger
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from logpipe import (
    Logging,
    get_logger,
    log_business_event,
    log_context,
    log_performance,
    setup_logging,
    structlog_bound_logger,
)
from logpipe.emit import emitter, fast_path
from logpipe.emit.emitter import Emitter
from logpipe.emit.entry import CALLERS, RESERVED
from logpipe.emit.stdlib import STANDARD
from logpipe.emit.structlog_processor import structlog_processor
from tests.emit.hostile import Colour, Count, Name, Point
from tests.emit.speech import Keeper, added

pytest.importorskip("logpipe.emit._native", reason="built without the extension")

Start = Callable[..., Logging]
Written = Callable[..., list[dict[str, Any]]]
Patch = pytest.MonkeyPatch


class Wordless:
    """Has a repr, for hypothesis, and no text."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    def __repr__(self) -> str:
        return "Wordless()"


SECRETS = (
    *("password=hunter2", 'the "api_key": "abc def"', "Bearer abcdefghijklmnop.qrstuv", "https://user:pass@host/x"),
    *(
        "4111111111111111",
        "4111 1111 1111 1111",
        "card 4111-1111-1111-1111.",
        "3782 822463 10005",
        "0.4111111111111111",
    ),
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    *("AKIAIOSFODNN7EXAMPLE", "truncated_from_bytes", "pass_word: x", "-----BEGIN RSA PRIVATE KEY-----\nabc\n"),
)
NUMBERS = (0, -1, 7, 200, 65535, 65536, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 2**70)
CARDS = (4111111111111111, 378282246310005, -4111111111111111, 4222222222222)
FLOATS = (float("nan"), float("inf"), -float("inf"), -0.0, 1e16, 5e-324, 0.1, 1e300, 123456.789)
ODD = (
    Name("n"),
    Count(7),
    Decimal("1.10"),
    UUID(int=7),
    date(2026, 1, 2),
    b"\xff\n",
    Wordless(),
    Colour.RED,
    Point(1, 2),
)
TEXTS = st.text(max_size=20) | st.text(st.characters(categories=["Cs", "Ll"]), max_size=3) | st.sampled_from(SECRETS)
ATOMS = (
    TEXTS
    | st.sampled_from([None, True, False, datetime(2026, 1, 2, tzinfo=UTC), *NUMBERS, *CARDS, *FLOATS, *ODD])
    | st.integers()
    | st.floats()
)
KEYS = st.sampled_from(
    ["x", "rows", "password", "api_key", "Authorization", "user_token", "trace_id", "card 4111111111111111"]
)
VALUES = st.recursive(
    ATOMS,
    lambda values: (
        st.lists(values, max_size=3)
        | st.dictionaries(KEYS | TEXTS | st.integers(), values, max_size=3)
        | st.tuples(values)
        | st.dictionaries(KEYS, values, max_size=2).map(MappingProxyType)
    ),
    max_leaves=5,
)
NAMES = KEYS | st.sampled_from(sorted({*CALLERS, *RESERVED, *STANDARD, "request", "otelTraceID", "level_name"})) | TEXTS
FIELDS = st.dictionaries(NAMES, VALUES, max_size=4)
MESSAGES = (
    TEXTS | st.sampled_from(["%s", "%s and %s", "%d", "%(x)s", "100%", "%", "%s password=%s", "%5.1f", "%r"]) | VALUES
)
ARGUMENTS = st.lists(VALUES, max_size=2) | st.dictionaries(KEYS, VALUES).map(lambda mapping: [mapping])
SETTINGS = st.sampled_from(
    [
        {},
        {"redact": False},
        {"redact_keys": ["x"]},
        {"redact_keys": [f"key{number}of" for number in range(300)]},
        {"redact_patterns": [r"7"]},
        {"max_line_bytes": 4096},
        {"durability": "errors"},
        {"version": "1", "environment": "e"},
    ]
)
SPAN = NonRecordingSpan(SpanContext(7, 8, is_remote=False, trace_flags=TraceFlags(1)))


@dataclass
class Spoken:
    """A call of a front end, and what is around it."""

    front_end: str
    level: int
    logger: str
    message: Any
    args: list[Any]
    fields: dict[Any, Any]
    context: dict[str, Any]
    exc_info: str
    stacklevel: int
    stack_info: bool
    in_span: bool

    def __call__(self) -> None:
        """Says it."""
        with ExitStack() as around:
            if self.in_span:
                around.enter_context(trace.use_span(SPAN))
            if self.context:
                around.enter_context(log_context(**self.context))
            try:
                int(f"of {self.message}" if isinstance(self.message, str) else "no")
            except ValueError as error:
                infos = {
                    "none": None,
                    "true": True,
                    "false": False,
                    "error": error,
                    "empty": (),
                    "nothing": (None,) * 3,
                }
                FRONT_ENDS[self.front_end](self, {**infos, "tuple": (ValueError, error, None)}[self.exc_info])


def _by_logging(spoken: Spoken, exc_info: Any) -> None:
    options: dict[str, Any] = {"extra": spoken.fields} if spoken.fields else {}
    options |= {"exc_info": exc_info} if exc_info is not None else {}
    options |= {"stacklevel": spoken.stacklevel} if spoken.stacklevel != 1 else {}
    options |= {"stack_info": True} if spoken.stack_info else {}
    method = {20: "info", 40: "exception", 50: "critical"}.get(spoken.level)
    logger = get_logger(spoken.logger)
    arguments = () if method else (spoken.level,)
    getattr(logger, method or "log")(*arguments, spoken.message, *spoken.args, **options)


def _by_handle(spoken: Spoken, exc_info: Any) -> None:
    """A LogRecord made by hand."""
    fields = {key: value for key, value in spoken.fields.items() if key not in STANDARD}
    made = {"name": spoken.logger, "levelno": spoken.level, "msg": spoken.message, "exc_info": exc_info, "thread": 1}
    get_logger(spoken.logger).handle(logging.makeLogRecord({**fields, **made, "args": tuple(spoken.args)}))


def _by_loguru(spoken: Spoken, exc_info: Any) -> None:
    bound = loguru_logger.bind(**{key: value for key, value in spoken.fields.items() if isinstance(key, str)})
    level = {20: "INFO", 40: "ERROR", 50: "CRITICAL"}.get(spoken.level, spoken.level)
    if isinstance(exc_info, BaseException):
        bound = bound.opt(exception=exc_info)
    bound.log(level, str(spoken.message) if not isinstance(spoken.message, Wordless) else "-")


def _by_structlog(spoken: Spoken, exc_info: Any) -> None:
    logger = structlog.get_logger(spoken.logger)
    fields = {
        k: v for k, v in spoken.fields.items() if isinstance(k, str) and k not in ("event", "self", "method_name")
    }
    if exc_info is not None:
        fields["exc_info"] = exc_info
    method = {20: "info", 40: "error", 50: "critical"}.get(spoken.level, "warning")
    logger.bind(**fields)._proxy_to_logger(method, spoken.message)


def _by_events(spoken: Spoken, exc_info: Any) -> None:
    fields = {key: value for key, value in spoken.fields.items() if isinstance(key, str)}
    for name in ("event", "event_type", "event_data", "message", "duration_ms"):
        fields.pop(name, None)
    log_performance("query", 1.25, message=None if spoken.stack_info else "took %s", **fields)
    log_business_event("paid", event_data=fields)


FRONT_ENDS: dict[str, Callable[[Spoken, Any], None]] = {
    "logging": _by_logging,
    "handle": _by_handle,
    "loguru": _by_loguru,
    "structlog": _by_structlog,
    "events": _by_events,
}
SPOKEN = st.builds(
    Spoken,
    front_end=st.sampled_from(["logging", *FRONT_ENDS]),
    level=st.sampled_from([5, 10, 20, 20, 25, 30, 40, 50, 60, 3]),
    logger=st.sampled_from(["shop.cart", "root", "uvicorn.access", "shop.\udcff"]),
    message=MESSAGES,
    args=st.just([]) | ARGUMENTS,
    fields=st.just({}) | FIELDS,
    context=st.just({}) | st.dictionaries(NAMES.filter(lambda name: name != "self"), VALUES, max_size=2),
    exc_info=st.sampled_from(["none", "none", "true", "false", "error", "tuple", "empty", "nothing"]),
    stacklevel=st.sampled_from([1, 1, 2, 3, 1000, 0]),
    stack_info=st.booleans(),
    in_span=st.booleans(),
)


@pytest.fixture(autouse=True)
def front_ends_as_they_were() -> Iterator[None]:
    """structlog is configured to end in ours."""
    structlog.configure(
        processors=[structlog_processor], wrapper_class=structlog.BoundLogger, logger_factory=logging.getLogger
    )
    yield
    structlog.reset_defaults()


def _written(said: list[Spoken], how: dict[str, Any]) -> dict[str, list[bytes]]:
    """The lines of each stream, without what differs from run to run."""
    with tempfile.TemporaryDirectory() as folder:
        logs = setup_logging(service="shop", log_dir=folder, console=False, level=1, **how)
        for spoken in said:
            spoken()
        logs.close()
        return {
            name: [_MOVING.sub(b"", line) for line in path.read_bytes().splitlines()]
            for name, path in logs.paths.items()
        }


_MOVING = re.compile(rb'^{"timestamp":"[^"]*"|(?<="instance":")[0-9a-f]{16}')


@settings(
    max_examples=70, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(said=st.lists(SPOKEN, min_size=3, max_size=8), how=SETTINGS)
def test_both_paths_write_the_same_bytes(alone: Callable[[], None], said: list[Spoken], how: dict[str, Any]) -> None:
    """Whatever is said through whichever front end; even the numbers of the records are the same."""
    alone()
    written = []
    for fast in (True, False):
        with Patch.context() as patch:
            if not fast:
                patch.setattr(emitter, "writer_of", lambda *_: None)
            written.append(_written(said, how))
    assert written[0] == written[1]


@pytest.fixture
def by_python(monkeypatch: Patch) -> list[object]:
    """What the Python path wrote; nothing of it is written then."""
    entries: list[object] = []
    monkeypatch.setattr(Emitter, "_write", lambda _emitter, entry: entries.append(entry))
    return entries


@pytest.fixture
def made(monkeypatch: Patch) -> list[str]:
    """The messages of the LogRecords that were made."""
    messages: list[str] = []
    plain = logging.LogRecord.__init__

    def make(self: logging.LogRecord, *args: Any, **named: Any) -> None:
        plain(self, *args, **named)
        messages.append(str(self.msg))

    monkeypatch.setattr(logging.LogRecord, "__init__", make)
    return messages


USUAL: dict[str, Callable[[logging.Logger], object]] = {
    "a message": lambda log: log.info("hello"),
    "arguments": lambda log: log.warning("%s of %d", "a", 7),
    "a Mapping": lambda log: log.info("%(a)s", {"a": 1}),
    "fields": lambda log: log.error("hello", extra={"user_id": 7, "rows": 2.5, "x": {"y": [1]}, "password": "p"}),
    "an exception": lambda log: log.error("hello", exc_info=ValueError("no")),
    "no exception": lambda log: log.error("hello", exc_info=False),
    "a number": lambda log: log.log(20, "hello", stacklevel=2),
    "the root logger": lambda _: logging.info("hello"),  # noqa: LOG015 - it is what is tested
    "an adapter": lambda log: logging.LoggerAdapter(log, {"x": 1}).info("hello"),
    "a business event": lambda _: log_business_event("paid", amount=7),
    "a measurement": lambda _: log_performance("query", 1.5),
}


@pytest.mark.parametrize("say", USUAL.values(), ids=USUAL)
def test_usual_calls_make_no_log_record(
    shop: Logging,
    written: Written,
    alone: Callable[[], None],
    made: list[str],
    by_python: list[object],
    say: Callable[[logging.Logger], object],
) -> None:
    """And none of the Python path: it cannot be lost unnoticed."""
    alone()
    get_logger("shop.cart").isEnabledFor(20)
    for _ in range(2):  # a logger that was never asked whether it is enabled asks logging
        made.clear()
        with log_context(request_id="r"):
            say(get_logger("shop.cart"))
    assert (made, by_python) == ([], [])
    assert len(written()) >= 1


def test_other_front_ends_take_it_too(shop: Logging, written: Written, by_python: list[object]) -> None:
    """LogRecords, beside the handlers of others, loguru's records, and the events of structlog."""
    get_logger().warning("by a LogRecord")
    loguru_logger.bind(x=1).success("by loguru")
    structlog.get_logger("shop.cart").info("by structlog", x=1)
    assert by_python == []
    assert [record["message"] for record in written()] == ["by a LogRecord", "by loguru", "by structlog"]


def _patch_logger(_: logging.Logger, patch: Patch, seen: list[object]) -> None:
    plain = logging.Logger.handle
    patch.setattr(logging.Logger, "handle", lambda self, record: _see(record, seen) and plain(self, record))


def _patch_own_class(log: logging.Logger, patch: Patch, seen: list[object]) -> None:
    plain = type(log).handle
    patch.setattr(type(log), "handle", lambda self, record: _see(record, seen) and plain(self, record))


def _patch_one(log: logging.Logger, patch: Patch, seen: list[object]) -> None:
    plain = log.callHandlers
    patch.setattr(log, "callHandlers", lambda record: _see(record, seen) and plain(record))


def _see(record: logging.LogRecord, seen: list[object]) -> bool:
    seen.append(record)
    return True


def _filter_logger(log: logging.Logger, _: Patch, seen: list[object]) -> None:
    log.addFilter(lambda record: _see(record, seen))


def _filter_handler(_: logging.Logger, __: Patch, seen: list[object]) -> None:
    (ours,) = logging.root.handlers
    ours.addFilter(lambda record: _see(record, seen))


def _factory(_: logging.Logger, patch: Patch, seen: list[object]) -> None:
    plain = logging.getLogRecordFactory()

    def make(*args: Any, **named: Any) -> logging.LogRecord:
        seen.append(record := plain(*args, **named))
        return record

    patch.setattr(logging, "_logRecordFactory", make)


def _handler(log: logging.Logger, _: Patch, seen: list[object]) -> None:
    log.addHandler(keeper := Keeper())
    keeper.records = seen  # type: ignore[assignment]


OTHERS = [_patch_logger, _patch_own_class, _patch_one, _filter_logger, _filter_handler, _factory, _handler]


@pytest.mark.parametrize("change", OTHERS)
@pytest.mark.parametrize("name", ["tests.fast", None])
def test_it_steps_aside_for_others(
    start: Start,
    written: Written,
    alone: Callable[[], None],
    monkeypatch: Patch,
    change: Callable[[logging.Logger, Patch, list[object]], None],
    name: str | None,
) -> None:
    """Each sees the LogRecord once, on the root logger as on another, and ours is written."""
    alone()
    start()
    log = get_logger(name)
    log.info("before")
    log.info("before")
    handlers, seen = log.handlers[:], list[object]()
    change(log, monkeypatch, seen)
    log.info("seen", extra={"x": 1})
    monkeypatch.undo()
    log.filters.clear()
    log.handlers[:] = handlers
    assert [vars(record)["x"] for record in seen] == [1]
    assert [record["message"] for record in written()] == ["before", "before", "seen"]


def test_a_handler_beside_ours_is_chosen_by_the_level_of_the_record(
    shop: Logging, monkeypatch: Patch, log: logging.Logger
) -> None:
    """A factory may have changed it."""
    plain = logging.getLogRecordFactory()

    def lowered(*args: Any, **named: Any) -> logging.LogRecord:
        record = plain(*args, **named)
        record.levelno = logging.DEBUG
        return record

    log.error("before")  # logging keeps that it is enabled
    keeper = Keeper()
    keeper.setLevel("INFO")
    log.addHandler(keeper)
    monkeypatch.setattr(logging, "_logRecordFactory", lowered)
    log.error("lowered")
    monkeypatch.undo()
    log.error("as it is")
    log.removeHandler(keeper)
    assert [record.getMessage() for record in keeper.records] == ["as it is"]


@pytest.mark.parametrize(("switch", "field"), [("logThreads", "thread"), ("logProcesses", "process")])
def test_what_logging_is_not_to_tell_is_not_written(
    alone: Callable[[], None],
    shop: Logging,
    written: Written,
    monkeypatch: Patch,
    log: logging.Logger,
    switch: str,
    field: str,
) -> None:
    """As `logging` documents it."""
    alone()
    log.info("told")
    monkeypatch.setattr(logging, switch, False)
    log.info("not told")
    assert [field in record for record in written()] == [True, False]


def _as_python_has_it(log: Any) -> None:
    log.info("one", y=2)


def _none(log: Any) -> None:
    log.info(None, y=2)


def _own_event(log: Any) -> None:
    log.bind(event="bound", y=2).info("one")


def _bound_event_only(log: Any) -> None:
    log.bind(event="bound", y=2).info(None)


@pytest.mark.parametrize("say", [_as_python_has_it, _none, _own_event, _bound_event_only])
@pytest.mark.parametrize("context", [dict, OrderedDict])
def test_an_unusual_event_is_what_structlog_makes_of_it(
    shop: Logging, say: Callable[[Any], None], context: type[dict[str, Any]]
) -> None:
    """The chain sees the same dict, in the same order, as with structlog's own class."""
    seen: list[list[tuple[str, object]]] = []

    def see(_: object, __: str, event: Any) -> Any:
        seen.append(list(event.items()))
        return event

    for wrapper in (structlog_bound_logger, structlog.make_filtering_bound_logger):
        processors = [see, structlog_processor]
        structlog.configure(processors=processors, wrapper_class=wrapper(10), context_class=context)
        say(structlog.get_logger("shop").bind(x=1))
    structlog.reset_defaults()
    assert len(seen) == 2
    assert seen[0] == seen[1]


def test_an_event_is_given_once(shop: Logging) -> None:
    """Another is a mistake, as in structlog."""
    structlog.configure(processors=[structlog_processor], wrapper_class=structlog_bound_logger(10))
    with pytest.raises(TypeError, match="event"):
        structlog.get_logger("shop").info("one", event="two")
    structlog.reset_defaults()


def test_two_threads_learn_a_name_once(start: Start, written: Written, monkeypatch: Patch, tmp_path: Path) -> None:
    """Whichever is first, the other takes what it learnt: a name is there once in a record."""
    both = threading.Barrier(2)
    plain = fast_path._classify

    def classify(redaction: Any, key: str) -> int:
        if key == "learnt":
            both.wait(60)
        return plain(redaction, key)

    monkeypatch.setattr(fast_path, "_classify", classify)
    log = get_logger("tests.fast.learnt")
    start()
    names = ["".join(["lea", end]) for end in ("rnt", "rnt")]  # two objects
    threads = [threading.Thread(target=log.info, args=("one",), kwargs={"extra": {name: 1}}) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with log_context(**{names[0]: 1}):
        log.info("two", extra={names[1]: 2})
    assert [record["learnt"] for record in written()] == [1, 1, 2]
    lines = [line for path in tmp_path.rglob("app*.jsonl") for line in path.read_bytes().splitlines()]
    assert [line.count(b'"learnt"') for line in lines] == [1, 1, 1]


def test_a_class_of_loggers_of_ones_own_makes_log_records(
    start: Start, alone: Callable[[], None], made: list[str]
) -> None:
    """Its methods may do anything."""
    alone()
    start()

    class Mine(logging.Logger):
        pass

    log = Mine("mine")
    log.parent = logging.root
    log.info("hello")
    log.info("hello")
    assert made == ["hello", "hello"]


def test_a_logger_that_does_not_propagate_writes_nothing(start: Start, written: Written, log: logging.Logger) -> None:
    """Nor does one whose parent does not."""
    start()
    log.propagate = False
    log.addHandler(Keeper())
    log.info("no")
    log.getChild("child").info("no")
    assert written() == []


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spoken=SPOKEN.filter(lambda spoken: spoken.front_end == "logging"))
def test_a_handler_beside_ours_gets_the_log_record_it_would_get(alone: Callable[[], None], spoken: Spoken) -> None:
    """With all attributes, but for the time; where logging refuses a field's name, it has an underscore."""
    alone()
    spoken.fields = {key: value for key, value in spoken.fields.items() if key not in (*STANDARD, "message", "asctime")}
    got = []
    with tempfile.TemporaryDirectory() as folder, added(keeper := Keeper(), logging.root):
        for ours in (True, False):
            logs = setup_logging(service="shop", log_dir=folder, console=False, level=1) if ours else None
            level, logging.root.level = logging.root.level, 1
            logging.root.manager._clear_cache()  # type: ignore[attr-defined] # logging's own
            spoken()
            spoken()
            logging.root.setLevel(level)
            if logs:
                logs.close()
            got.append([_lasting(record) for record in keeper.records])
            keeper.records.clear()
    assert got[0] == got[1]


def _lasting(record: logging.LogRecord) -> dict[str, str]:
    """Its attributes in words: NaN is not equal to itself."""
    passing = ("created", "msecs", "relativeCreated")
    kept = {key: value for key, value in vars(record).items() if key not in passing}
    return {str(key): re.sub("0x[0-9a-f]+", "", repr(value)) for key, value in kept.items()}


def test_a_field_may_be_taken_out_by_another_thread(shop: Logging, written: Written) -> None:
    """A dict that threads share is walked while they change it."""
    shared: dict[str, object] = {"x": [1]}
    stop = threading.Event()

    def change() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            shared[f"key{number % 7}"] = [number]
            shared.pop(f"key{(number + 3) % 7}", None)

    other = threading.Thread(target=change)
    other.start()
    for number in range(2000):
        get_logger().info("record %d", number, extra=shared)
    stop.set()
    other.join()
    assert len(written("app")) == 2000


def test_a_value_that_changes_what_is_logged(shop: Logging, written: Written, log: logging.Logger) -> None:
    """While it is put into words: the fields, the handlers of the logger, and its name."""
    fields: dict[str, object] = {}

    class Changing:
        def __str__(self) -> str:
            fields.clear()
            log.handlers = []
            return "changed"

    fields |= {"first": [Changing()], **{f"field{number}": [number] for number in range(20)}}
    log.addHandler(keeper := Keeper())
    keeper.emit = lambda _: str(Changing())  # type: ignore[assignment,method-assign]
    log.info("%s", Changing(), extra=fields)
    log.info("after")
    assert [record["message"] for record in written()] == ["changed", "after"]


def test_an_interpreter_within_does_without_it() -> None:
    """What is kept of `logging` is of one interpreter."""
    code = (
        "import _xxsubinterpreters as within, logpipe.emit._native; one = within.create();"
        "within.run_string(one, 'try:\\n import logpipe.emit._native\\nexcept ImportError: print(1)')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


@pytest.mark.parametrize("field", ["user_id", "request_id", "duration_ms", "rows"])
def test_the_number_of_a_card_is_none_in_any_field(shop: Logging, written: Written, field: str) -> None:
    """A number in a field of texts is a text."""
    get_logger().info("paid", extra={field: 4111111111111111})
    assert "4111111111111111" not in str(written())


@pytest.mark.parametrize("keys", [["x"], [f"key{number}of" for number in range(300)]], ids=["short", "many"])
def test_any_names_of_secrets_may_be_given(start: Start, written: Written, keys: list[str]) -> None:
    """One letter, or hundreds."""
    start(redact_keys=keys)
    get_logger().info("hello", extra={keys[-1]: "secret"})
    assert written()[0][keys[-1]] != "secret"

"""Loggers set up as their own documentation recommends, and the calls by which a record is made of each API.

A set-up gives the function that finishes it: after that call all records are in files of its folder.
"""

import contextvars
import logging
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

RECORDS: Final = 20_000
EXCEPTIONS: Final = 1_500
REQUEST_ID: Final = "7f1c6f0e9a7b4a53"
SECRET: Final = "sk-live-4eC39HqLyjWDarjtT1zdp7dc"
request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="-")

_around = ExitStack()
"""The contexts of a process's only measurement, which it never leaves."""

Finish = Callable[[], None]
SetUp = Callable[[Path], Finish]


class UnavailableError(Exception):
    """What a contender needs is not there yet."""


# --- python-json-logger: https://nhairs.github.io/python-json-logger/latest/quickstart/ -------------------------------
# The filter is that of the logging cookbook, "Use of contextvars":
# https://docs.python.org/3/howto/logging-cookbook.html#use-of-contextvars
class AddRequestId(logging.Filter):
    """Reads the context variable."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Adds the attribute."""
        record.request_id = request_id.get()
        return True


class RedactSecrets(logging.Filter):
    """Walks what a record has, as recipes for redaction do."""

    names = frozenset(("password", "passwd", "secret", "token", "api_key", "authorization", "cookie", "credit_card"))

    def filter(self, record: logging.LogRecord) -> bool:
        """Puts stars in the place of secrets."""
        for key in record.__dict__:
            if key.lower() in self.names:
                record.__dict__[key] = "***"
        return True


BRIEF: Final = "{asctime}{levelname}{name}{message}{request_id}"
WITH_PLACE: Final = BRIEF + "{filename}{lineno}{funcName}"


class Counting(logging.Handler):
    """A handler of somebody else's, such as that of an error tracker."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002 - it only counts
        """Counts."""
        self.count += 1


def _count_too() -> None:
    logging.getLogger().addHandler(Counting())


def _python_json_logger(handler: logging.Handler, *, orjson: bool, full: bool) -> Finish:
    from pythonjsonlogger.json import JsonFormatter
    from pythonjsonlogger.orjson import OrjsonFormatter

    form = OrjsonFormatter if orjson else JsonFormatter
    handler.setFormatter(form(WITH_PLACE if full else BRIEF, style="{"))
    handler.addFilter(AddRequestId())
    if full:
        handler.addFilter(RedactSecrets())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    request_id.set(REQUEST_ID)
    return handler.flush


def pjl(folder: Path, *, orjson: bool = False, full: bool = False, others: bool = False) -> Finish:
    """python-json-logger into a FileHandler."""
    if others:
        _count_too()
    return _python_json_logger(logging.FileHandler(folder / "pjl.jsonl"), orjson=orjson, full=full)


# --- concurrent-log-handler: https://github.com/Preston-Landers/concurrent-log-handler#readme -------------------------
def concurrent_log_handler(folder: Path, *, max_bytes: int = 512 << 20, use_gzip: bool = False) -> Finish:
    """The handler in the place of FileHandler, with python-json-logger."""
    from concurrent_log_handler import ConcurrentRotatingFileHandler

    handler = ConcurrentRotatingFileHandler(
        str(folder / "clh.jsonl"), "a", maxBytes=max_bytes, backupCount=1000, use_gzip=use_gzip
    )
    return _python_json_logger(handler, orjson=False, full=False)


# --- loguru: https://loguru.readthedocs.io/en/stable/overview.html#structured-logging-as-needed -----------------------
def _redact_extra(record: dict[str, dict[str, object]]) -> None:
    extra = record["extra"]
    for key in extra:
        if key.lower() in RedactSecrets.names:
            extra[key] = "***"


def loguru(folder: Path, *, full: bool = False) -> Finish:
    """`serialize=True`; a redaction is a patcher, as in "Structured logging" of the overview."""
    from loguru import logger

    logger.remove()
    logger.add(folder / "loguru.jsonl", serialize=True, level="INFO")
    if full:
        logger.configure(patcher=_redact_extra)  # type: ignore[arg-type]  # loguru's record is a typed dict
    _around.enter_context(logger.contextualize(request_id=REQUEST_ID))
    return lambda: logger.complete() and None


# --- structlog: https://www.structlog.org/en/stable/performance.html --------------------------------------------------
def structlog_native(folder: Path) -> Finish:
    """The page's example."""
    import orjson
    import structlog

    file = (folder / "structlog.jsonl").open("wb")
    structlog.configure(
        cache_logger_on_first_use=True,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        logger_factory=structlog.BytesLoggerFactory(file=file),
    )
    structlog.contextvars.bind_contextvars(request_id=REQUEST_ID)
    return file.flush


# https://www.structlog.org/en/stable/standard-library.html#rendering-using-structlog-based-formatters-within-logging
def structlog_stdlib(folder: Path) -> Finish:
    """ProcessorFormatter."""
    import structlog

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.FileHandler(folder / "structlog.jsonl")
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ]
        )
    )
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    structlog.contextvars.bind_contextvars(request_id=REQUEST_ID)
    return handler.flush


# --- ours: docs/emit.md -----------------------------------------------------------------------------------------------
def _nothing() -> None:
    """All is done."""


def ours(
    folder: Path, *, others: bool = False, context: bool = True, until_closed: bool = False, **settings: object
) -> Finish:
    """`setup_logging` with its defaults; a record is in its file when the call returns, and nothing is left to do."""
    import logpipe

    if others:
        _count_too()
    installed = logpipe.setup_logging(service="shop", log_dir=folder, console=False, **settings)  # type: ignore[arg-type]
    if context:
        _around.enter_context(logpipe.log_context(request_id=REQUEST_ID))
    return installed.close if until_closed else _nothing


def ours_loguru(folder: Path) -> Finish:
    """The same under loguru's calls."""
    from loguru import logger

    finish = ours(folder, context=False)
    _around.enter_context(logger.contextualize(request_id=REQUEST_ID))
    return finish


def ours_structlog(folder: Path) -> Finish:
    """The same under structlog's calls."""
    import structlog

    import logpipe

    finish = ours(folder)
    structlog.configure(
        processors=[logpipe.structlog_processor],
        wrapper_class=logpipe.structlog_bound_logger(logging.INFO),
        logger_factory=logging.getLogger,
        cache_logger_on_first_use=True,
    )
    return finish


# --- calls ------------------------------------------------------------------------------------------------------------
def call_stdlib(count: int) -> None:
    """A message and six extras, by `logging`."""
    log = logging.getLogger("shop.orders")
    for number in range(count):
        log.info(
            "order placed",
            extra={
                "order_id": number,
                "customer": "c-1881",
                "amount": 12.5,
                "currency": "EUR",
                "items": 3,
                "api_key": SECRET,
            },
        )


def call_disabled(count: int) -> None:
    """The same below the level."""
    log = logging.getLogger("shop.orders")
    for number in range(count):
        log.debug(
            "order placed",
            extra={
                "order_id": number,
                "customer": "c-1881",
                "amount": 12.5,
                "currency": "EUR",
                "items": 3,
                "api_key": SECRET,
            },
        )


def call_loguru(count: int) -> None:
    """The same by loguru."""
    from loguru import logger

    for number in range(count):
        logger.info(
            "order placed",
            order_id=number,
            customer="c-1881",
            amount=12.5,
            currency="EUR",
            items=3,
            api_key=SECRET,
        )


def call_structlog(count: int) -> None:
    """The same by structlog."""
    import structlog

    log = structlog.get_logger("shop.orders").bind()  # https://www.structlog.org/en/stable/performance.html
    for number in range(count):
        log.info(
            "order placed",
            order_id=number,
            customer="c-1881",
            amount=12.5,
            currency="EUR",
            items=3,
            api_key=SECRET,
        )


def _fail(frames: int) -> None:
    if frames == 1:
        raise ValueError("no such card")
    _fail(frames - 1)


def _nine() -> None:
    _fail(8)


def call_exception(count: int) -> None:
    """Exceptions through nine frames, raised each time (one or two microseconds of the figure), by `logging`."""
    log = logging.getLogger("shop.orders")
    for number in range(count):
        try:
            _nine()
        except ValueError:
            log.exception("order failed", extra={"order_id": number, "customer": "c-1881", "amount": 12.5})


def call_loguru_exception(count: int) -> None:
    """The same by loguru."""
    from loguru import logger

    for number in range(count):
        try:
            _nine()
        except ValueError:
            logger.exception("order failed", order_id=number, customer="c-1881", amount=12.5)


class Contender(NamedTuple):
    """One row of a table."""

    set_up: SetUp
    call: Callable[[int], None]
    target: float | None = None
    """How many times ours is to be cheaper; None says that no target was set."""


class Case(NamedTuple):
    """One table; the first contender is ours."""

    title: str
    says: str
    contenders: dict[str, Contender]
    records: int = RECORDS
    needs: tuple[bytes, ...] = (REQUEST_ID.encode(),)
    lacks: tuple[bytes, ...] = ()
    written: bool = True


JSON, ORJSON = "python-json-logger JsonFormatter", "python-json-logger OrjsonFormatter"
_ORDER: Final = b"order placed"

CASES: Final = {
    "plain": Case(
        "CPU of a record through `logging`",
        "A message, six extras and a request id out of a context variable, to a file.",
        {
            "logpipe": Contender(ours, call_stdlib),
            JSON: Contender(pjl, call_stdlib, 6),
            ORJSON: Contender(lambda folder: pjl(folder, orjson=True), call_stdlib, 4),
            "loguru, serialize=True": Contender(loguru, call_loguru, 10),
            "structlog, native, orjson": Contender(structlog_native, call_structlog),
            "structlog over logging": Contender(structlog_stdlib, call_structlog),
            "concurrent-log-handler with JsonFormatter": Contender(concurrent_log_handler, call_stdlib),
        },
        needs=(REQUEST_ID.encode(), _ORDER),
    ),
    "full": Case(
        "CPU of a record with file, line and key redaction",
        "The same with file, line and function, and secrets by their keys redacted.",
        {
            "logpipe": Contender(ours, call_stdlib),
            JSON: Contender(lambda folder: pjl(folder, full=True), call_stdlib, 5),
            ORJSON: Contender(lambda folder: pjl(folder, orjson=True, full=True), call_stdlib, 3.5),
            "loguru, serialize=True": Contender(lambda folder: loguru(folder, full=True), call_loguru, 8),
        },
        needs=(REQUEST_ID.encode(), _ORDER, b"call_"),
        lacks=(SECRET.encode(),),
    ),
    "handlers": Case(
        "CPU of a record beside a handler of somebody else's",
        "A handler that only counts is on the root logger too, so that a LogRecord has to be made.",
        {
            "logpipe": Contender(lambda folder: ours(folder, others=True), call_stdlib),
            JSON: Contender(lambda folder: pjl(folder, others=True), call_stdlib, 2.4),
            ORJSON: Contender(lambda folder: pjl(folder, orjson=True, others=True), call_stdlib),
        },
        needs=(REQUEST_ID.encode(), _ORDER),
    ),
    "loguru": Case(
        "CPU of a record through loguru",
        "The same record by loguru's calls.",
        {
            "logpipe": Contender(ours_loguru, call_loguru),
            "loguru, serialize=True": Contender(loguru, call_loguru, 3),
            JSON: Contender(pjl, call_stdlib),
        },
        needs=(REQUEST_ID.encode(), _ORDER),
    ),
    "structlog": Case(
        "CPU of a record through structlog",
        "The same record by structlog's calls.",
        {
            "logpipe": Contender(ours_structlog, call_structlog),
            JSON: Contender(pjl, call_stdlib, 5),
            ORJSON: Contender(lambda folder: pjl(folder, orjson=True), call_stdlib),
            "loguru, serialize=True": Contender(loguru, call_loguru),
            "structlog, native, orjson": Contender(structlog_native, call_structlog),
            "structlog over logging": Contender(structlog_stdlib, call_structlog),
        },
        needs=(REQUEST_ID.encode(), _ORDER),
    ),
    "exception": Case(
        "CPU of a record with an exception",
        "An exception raised through nine frames and logged where it is caught; the raising is in the figure.",
        {
            "logpipe": Contender(ours, call_exception),
            JSON: Contender(pjl, call_exception, 10),
            ORJSON: Contender(lambda folder: pjl(folder, orjson=True), call_exception, 10),
            "loguru, serialize=True": Contender(loguru, call_loguru_exception, 25),
        },
        records=EXCEPTIONS,
        needs=(REQUEST_ID.encode(), b"_fail", b"no such card"),
    ),
    "disabled": Case(
        "CPU of a call below the level",
        "`debug()` with six extras at level INFO.",
        {
            "logpipe": Contender(ours, call_disabled),
            "logging": Contender(pjl, call_disabled, 1),
        },
        records=500_000,
        written=False,
    ),
}

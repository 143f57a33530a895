"""The calls that an application makes: loggers, performance and business records, timing."""

import logging
import time
from collections.abc import Callable, Mapping
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Final, ParamSpec, TypeVar, cast, overload

from logpipe.emit.entry import Call, type_name
from logpipe.emit.values import text
from logpipe.record import BUSINESS, PERFORMANCE

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _detached(name: str) -> logging.Logger:
    """A logger that no configuration finds: neither a level nor `logging.disable` nor `dictConfig` can silence it."""
    logger = logging.Logger(name, logging.INFO)  # noqa: LOG001 - not one of the tree, see above
    logger.parent = logging.root
    logger.manager = logging.Manager(logging.root)
    return logger


_PERFORMANCE: Final = _detached("logpipe.performance")
_BUSINESS: Final = _detached("logpipe.business")
DETACHED: Final = (_PERFORMANCE, _BUSINESS)


def get_logger(name: str | None = None) -> logging.Logger:
    """The `logging.Logger` of that name; without one, the root logger."""
    return logging.getLogger(name)


def log_performance(event: str, duration_ms: float, *, message: str | None = None, **fields: object) -> None:
    """Writes that `event` took `duration_ms`, to the stream `performance`."""
    given: dict[str, object] = {**fields, "event": event, "duration_ms": duration_ms}
    extra = {"logpipe_call": Call(PERFORMANCE, given)}
    if message is not None:
        _PERFORMANCE.info(message, extra=extra, stacklevel=2)
    else:
        _PERFORMANCE.info(_template(event), _rounded(duration_ms), extra=extra, stacklevel=2)


def log_business_event(
    event: str | None = None,
    *,
    event_type: str | None = None,
    event_data: Mapping[str, object] | None = None,
    message: str | None = None,
    **fields: object,
) -> None:
    """Writes that `event` happened, to the stream `business`.

    `event_type` is another word for `event`, and `event_data` for the fields. Raises TypeError without an event.
    """
    name = event if event is not None else event_type
    if name is None:
        raise TypeError("log_business_event() needs an event")
    given: dict[str, object] = {}
    if isinstance(event_data, Mapping):
        given.update(event_data)
    elif event_data is not None:
        given["event_data"] = event_data
    given.update(fields)
    if event is not None and event_type is not None:
        given["event_type"] = event_type
    given["event"] = name
    _BUSINESS.info(
        message if message is not None else text(name), extra={"logpipe_call": Call(BUSINESS, given)}, stacklevel=2
    )


@overload
def timed(function: Callable[_P, _R], /) -> Callable[_P, _R]: ...


@overload
def timed(*, event: str | None = None, **fields: object) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]: ...


def timed(function: Callable[_P, _R] | None = None, /, *, event: str | None = None, **fields: object) -> object:
    """Logs how long each call of a function or coroutine function takes, and its outcome: `ok` or `error`.

    The event is by default the function's module and qualified name. An exception goes on to the caller; its type is
    logged.
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        return _timed(function, event or f"{function.__module__}.{function.__qualname__}", fields)

    return decorate if function is None else decorate(function)


def _timed(function: Callable[_P, _R], event: str, fields: Mapping[str, object]) -> Callable[_P, _R]:
    if iscoroutinefunction(function):

        @wraps(function)
        async def timed_coroutine(*args: _P.args, **kwargs: _P.kwargs) -> Any:
            started = time.perf_counter()
            try:
                result = await function(*args, **kwargs)
            except BaseException as error:
                _log_call(function, event, started, fields, error)
                raise
            _log_call(function, event, started, fields, None)
            return result

        return cast("Callable[_P, _R]", timed_coroutine)

    @wraps(function)
    def timed_function(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        started = time.perf_counter()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            _log_call(function, event, started, fields, error)
            raise
        _log_call(function, event, started, fields, None)
        return result

    return timed_function


def _log_call(
    function: Callable[..., object],
    event: str,
    started: float,
    fields: Mapping[str, object],
    error: BaseException | None,
) -> None:
    """A performance record whose place is the timed function, not the wrapper around it."""
    duration_ms = (time.perf_counter() - started) * 1000
    given: dict[str, object] = {**fields, "event": event, "duration_ms": duration_ms}
    given["outcome"] = "ok" if error is None else "error"
    if error is not None:
        given["exception_type"] = type_name(type(error))
    if not _PERFORMANCE.isEnabledFor(logging.INFO):
        return
    code = function.__code__ if hasattr(function, "__code__") else timed.__code__
    record = _PERFORMANCE.makeRecord(
        _PERFORMANCE.name,
        logging.INFO,
        code.co_filename,
        code.co_firstlineno,
        _template(event),
        (_rounded(duration_ms),),
        None,
        code.co_name,
        {"logpipe_call": Call(PERFORMANCE, given)},
    )
    _PERFORMANCE.handle(record)


def _template(event: str) -> str:
    return text(event).replace("%", "%%") + " took %s ms"


def _rounded(duration_ms: object) -> str:
    return f"{duration_ms:.3f}" if isinstance(duration_ms, int | float) else text(duration_ms)

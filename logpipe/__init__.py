"""Structured logging for Python services, and the pipeline behind it.

Importing this package configures nothing and loads nothing; each name loads what it needs when it is asked for. So the
command can decide what Ctrl-C does before anything is loaded.
"""

TYPE_CHECKING = False  # `typing` takes longer to load than all of this
if TYPE_CHECKING:
    from logpipe.emit.context import log_context
    from logpipe.emit.events import get_logger, log_business_event, log_performance, timed
    from logpipe.emit.formatter import JsonFormatter
    from logpipe.emit.installation import Logging
    from logpipe.emit.setup import setup_logging
    from logpipe.emit.structlog_processor import structlog_bound_logger, structlog_processor
    from logpipe.errors import LogpipeError, SettingError

__all__ = [
    "JsonFormatter",
    "Logging",
    "LogpipeError",
    "SettingError",
    "get_logger",
    "log_business_event",
    "log_context",
    "log_performance",
    "setup_logging",
    "structlog_bound_logger",
    "structlog_processor",
    "timed",
]

_MODULES = {
    "JsonFormatter": "logpipe.emit.formatter",
    "Logging": "logpipe.emit.installation",
    "LogpipeError": "logpipe.errors",
    "SettingError": "logpipe.errors",
    "get_logger": "logpipe.emit.events",
    "log_business_event": "logpipe.emit.events",
    "log_context": "logpipe.emit.context",
    "log_performance": "logpipe.emit.events",
    "setup_logging": "logpipe.emit.setup",
    "structlog_bound_logger": "logpipe.emit.structlog_processor",
    "structlog_processor": "logpipe.emit.structlog_processor",
    "timed": "logpipe.emit.events",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value  # from now on it is found without asking
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

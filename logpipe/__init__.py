"""Structured logging for Python services, and the pipeline behind it.

Importing this package configures nothing and loads nothing of the pipeline.
"""

from typing import TYPE_CHECKING

from logpipe.emit.context import log_context
from logpipe.emit.events import get_logger, log_business_event, log_performance, timed
from logpipe.emit.setup import setup_logging
from logpipe.errors import LogpipeError, SettingError

if TYPE_CHECKING:
    from logpipe.emit.formatter import JsonFormatter
    from logpipe.emit.installation import Logging
    from logpipe.emit.structlog_processor import structlog_bound_logger, structlog_processor

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


def __getattr__(name: str) -> object:
    if name == "JsonFormatter":  # python-json-logger is loaded by those who use it
        from logpipe.emit.formatter import JsonFormatter

        return JsonFormatter
    if name == "Logging":
        from logpipe.emit.installation import Logging

        return Logging
    if name in ("structlog_bound_logger", "structlog_processor"):  # so is structlog
        from logpipe.emit import structlog_processor

        return getattr(structlog_processor, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

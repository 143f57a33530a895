"""What Python warns of."""

import logging
import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TextIO

from logpipe.emit.entry import type_name
from logpipe.emit.hooks import stand_before

if TYPE_CHECKING:
    from types import FrameType

_LOGGER: Final = "py.warnings"
"""The name under which `logging.captureWarnings` logs, too."""


def install() -> Callable[[], None]:
    """Logs the warnings that are shown, then shows them as before; gives the way back.

    Where `logging.captureWarnings` is in force, there is a record of each already.
    """
    captured = getattr(warnings.showwarning, "__module__", None) == logging.__name__

    def log(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,  # noqa: ARG001 - of the signature of `warnings.showwarning`
    ) -> None:
        if file is None and not captured:
            _log(str(message), type_name(category), filename, lineno)

    return stand_before(warnings, "showwarning", log)


def _log(message: str, category: str, path: str, line: int) -> None:
    logger = logging.getLogger(_LOGGER)
    if logger.isEnabledFor(logging.WARNING):
        function, fields = _function(path, line), {"warning_category": category}
        logger.handle(logger.makeRecord(_LOGGER, logging.WARNING, path, line, message, (), None, function, fields))


def _function(path: str, line: int) -> str:
    """The name of the function that warns, or that is blamed by `stacklevel`."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and (frame.f_lineno != line or frame.f_code.co_filename != path):
        frame = frame.f_back
    return frame.f_code.co_name if frame is not None else ""

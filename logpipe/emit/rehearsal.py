"""An application's own set-up of its logging, done for a look: `setup_logging` writes to a folder that goes again."""

import json
import logging.config
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from logpipe.emit import settings
from logpipe.emit.installation import Logging
from logpipe.emit.settings import Settings
from logpipe.emit.settings import load as _load
from logpipe.errors import LogpipeError, SettingError


class Rehearsal:
    """What was asked for meanwhile."""

    def __init__(self) -> None:
        self.given: Mapping[str, object] | None = None
        """The arguments of the last call of `setup_logging`; None where there was none."""
        self.level: str | None = None
        """The level that it asked for."""
        self._asked: Mapping[str, object] = {}
        self._installed: list[Logging] = []

    def call(self, target: str) -> None:
        """Imports `MODULE`, and calls what `MODULE:NAME` names.

        Raises:
            SettingError: it cannot be imported, has no such name, or raised.
        """
        module, _, name = target.partition(":")
        try:
            found: Any = import_module(module)
            for part in name.split(".") if name else ():
                found = getattr(found, part)
            if name:
                found()
        except LogpipeError:
            raise
        except (Exception, SystemExit) as error:
            words = f"{target} cannot be run: {type(error).__name__}: {error}"
            raise SettingError(
                words, remedy="give MODULE or MODULE:FUNCTION, from the folder it is found in"
            ) from error

    def configure(self, file: str) -> None:
        """Applies a `dictConfig` of a JSON or TOML file.

        Raises:
            SettingError: the file cannot be read, or `dictConfig` refuses it.
        """
        configuration = _read(file)
        try:
            logging.config.dictConfig(configuration)
        except LogpipeError:
            raise
        except Exception as error:
            cause = f": {error.__cause__}" if error.__cause__ else ""
            raise SettingError(f"{file} is refused by logging.config.dictConfig: {error}{cause}") from error

    def load(self, given: Mapping[str, object], environ: Mapping[str, str] = os.environ) -> Settings:
        """`settings.load`; others than `setup_logging` use it, too, but nobody between it and its `Logging`."""
        self._asked = {name: value for name, value in given.items() if value is not None}
        return _load(given, environ)

    def redirected(self, installed: Logging, settings: Settings, folder: str) -> Settings:
        """What is installed in place of what was asked for."""
        self.given = self._asked
        self.level = settings.level
        self._installed.append(installed)
        return replace(settings, log_dir=Path(folder), console="off", uncaught=False)

    def close(self) -> None:
        """Takes back what was installed."""
        for installed in reversed(self._installed):
            installed.close()


@contextmanager
def rehearsal() -> Iterator[Rehearsal]:
    """Has `setup_logging` write to a folder that is removed afterwards, without a console, and remembers its arguments.

    Modules are looked for in the working folder, too; what they print goes to standard error. It is for a process of
    its own: what they configure beside that stays.
    """
    found, initialise = Rehearsal(), Logging.__init__

    def redirect(installed: Logging, asked: Settings) -> None:
        initialise(installed, found.redirected(installed, asked, folder))

    with (
        TemporaryDirectory(prefix="logpipe-check-", ignore_cleanup_errors=True) as folder,
        redirect_stdout(sys.stderr),
        _replaced(settings, "load", found.load),
        _replaced(Logging, "__init__", redirect),
        _replaced(sys, "path", [os.getcwd(), *sys.path]),
    ):
        try:
            yield found
        finally:
            found.close()


@contextmanager
def _replaced(owner: object, name: str, value: object) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _read(file: str) -> dict[str, Any]:
    try:
        text = Path(file).read_text()
        found = tomllib.loads(text) if file.endswith(".toml") else json.loads(text)
    except OSError as error:
        raise SettingError(f"cannot read {file}: {(error.strerror or str(error)).lower()}") from error
    except ValueError as error:
        kind = "TOML" if file.endswith(".toml") else "JSON"
        raise SettingError(f"{file} is no {kind}: {error}", remedy="give a dictConfig as .json or .toml") from error
    if not isinstance(found, dict):
        raise SettingError(f"{file} holds no object", remedy="give a dictConfig as .json or .toml")
    return found

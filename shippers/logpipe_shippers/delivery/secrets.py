"""Passwords and tokens: read from files or variables, and never shown."""

import logging
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from logpipe.errors import SettingError

_MOUNTED: Final = "/run/secrets"

_log = logging.getLogger("logpipe.ship")


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that is for its receiver alone: `str()` and `repr()` of it are asterisks."""

    text: str = field(repr=False)

    def __str__(self) -> str:
        return "***"

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """The first line of a file, as Docker and Kubernetes give secrets.

        Raises:
            SettingError: the file cannot be read, or its first line is empty.
        """
        try:
            text = Path(path).read_text().split("\n", 1)[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(f"the secret in {path} cannot be read: {_said(error)}", reason="secret") from error
        if not text:
            raise SettingError(f"the secret in {path} is empty", reason="secret")
        if _is_open_to_all(Path(path)):
            _log.warning("whoever has an account here can read the secret in %s; chmod o-r keeps it", path)
        return cls(text)

    @classmethod
    def from_variable(cls, name: str) -> Self:
        """The value of a variable of the environment, without space around it, as the line break that files end with.

        Raises:
            SettingError: it is not set, or empty.
        """
        if not (text := os.environ.get(name, "").strip()):
            raise SettingError(f"the variable {name}, which is to hold a secret, is not set", reason="secret")
        return cls(text)


def is_mounted(path: Path) -> bool:
    """Whether a container has it for itself: below /run/secrets, readable for its one user, who may have any number."""
    return path.resolve().is_relative_to(_MOUNTED)


def is_closed_off(path: Path) -> bool:
    """Whether a folder on the way to it lets nobody but its owner pass, as far as we may look."""
    try:
        return not all(folder.stat().st_mode & (stat.S_IXGRP | stat.S_IXOTH) for folder in path.resolve().parents)
    except OSError:
        return False


def _is_open_to_all(path: Path) -> bool:
    """Whether every account may read it: itself, and each folder on the way to it."""
    try:
        whole = path.resolve()
        return (
            not is_mounted(whole)
            and bool(whole.stat().st_mode & stat.S_IROTH)
            and all(folder.stat().st_mode & stat.S_IXOTH for folder in whole.parents)
        )
    except OSError:
        return False


def _said(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "it is not UTF-8"

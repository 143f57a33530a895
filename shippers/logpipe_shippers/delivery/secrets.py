"""Passwords and tokens: read from files or variables, and never shown."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from logpipe.errors import SettingError


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


def _said(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "it is not UTF-8"

"""Lines that hold several records, as JSON: where in a line each begins, and what its format gets to read of it.

Texts are JSON decoded as Latin-1, of which each character is a byte; they are cut, never written anew, so that numbers,
keys that stand twice and characters stay as they are.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from logpipe.ingest.formats.base import Format

_MOST_PARTS: Final = 1 << 16
_MOST_BYTES: Final = 64 << 20
"""Of the records of one line; each repeats what stands around all of them."""

_BLANK: Final = re.compile(r"[ \t\r\n]*")
_value = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class Part:
    """One record of a line."""

    start: int
    """The byte of the line at which it begins."""
    text: bytes


@runtime_checkable
class Divided(Format, Protocol):
    """A format of which a line may hold several records."""

    def parts(self, _line: bytes, /) -> list[Part]:
        """The records of a line, none where it is to be read as it stands."""


def parts_of(cut: Callable[[str], Iterator[tuple[int, str]]], line: bytes) -> list[Part]:
    """What `cut` yields of a line, as (start, text); nothing where it is of another shape, or is too much."""
    parts, size = list[Part](), 0
    try:
        for start, text in cut(line.decode("latin-1")):
            parts.append(Part(start, text.encode("latin-1")))
            size += len(text)
            if len(parts) > _MOST_PARTS or size > _MOST_BYTES:
                return []
    except (ValueError, RecursionError):
        return []
    return parts


def members_of_line(text: str) -> dict[str, tuple[int, int]]:
    """The members of an object that is all of a line.

    Raises:
        ValueError: it is no object, has a key twice or none, or something stands behind it.
    """
    found = members(text)
    end = max((end for _, end in found.values()), default=0)
    if text[end:].strip(" \t\r\n") != "}":
        raise ValueError(text[end:])
    return found


def members(text: str, at: int = 0) -> dict[str, tuple[int, int]]:
    """Where the values of an object begin and end, by key; the object begins at `at`, blanks apart.

    Raises:
        ValueError: it is no object, or has a key twice.
    """
    found: dict[str, tuple[int, int]] = {}
    for start, end in _items(text, at, "{}"):
        key, colon = _value(text, start)
        if not isinstance(key, str) or key in found or text[_skip(text, colon)] != ":":
            raise ValueError(text[start:end])
        found[key] = _skip(text, _skip(text, colon) + 1), end
    return found


def elements(text: str, at: int) -> list[tuple[int, int]]:
    """Where the elements of an array begin and end; the array begins at `at`.

    Raises:
        ValueError: it is no array.
    """
    return list(_items(text, at, "[]"))


def _items(text: str, at: int, brackets: str) -> Iterator[tuple[int, int]]:
    """What stands between the brackets and commas, each item whole."""
    text_at = _skip(text, at)
    if text[text_at : text_at + 1] != brackets[0]:
        raise ValueError(text[text_at : text_at + 1])
    at = _skip(text, text_at + 1)
    while text[at : at + 1] != brackets[1]:
        start, (_, at) = at, _value(text, at)
        if brackets == "{}":
            _, at = _value(text, _skip(text, _skip(text, at) + 1))
        yield start, at
        at = _skip(text, at)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != brackets[1]:
            raise ValueError(text[at : at + 1])


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    assert found is not None  # it may be empty
    return found.end()

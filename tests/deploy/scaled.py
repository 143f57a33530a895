"""The configuration of deploy/ for tests that cannot wait five minutes: all that is a length of time, and no more."""

import re
from collections.abc import Callable
from typing import Any, Final

LENGTHS: Final = ("for", "keep_firing_for", "interval", "evaluation_interval", "group_wait", "group_interval")
"""Keys whose values are lengths of time. How often something is told again is none of them: that stays far away."""
RANGE: Final = re.compile(r"(\[|\boffset )(\d+[a-z]+)\b")
"""In an expression."""
UNITS_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def scaled(configuration: Any, factor: int) -> Any:
    """The same, with lengths of time that are so many times as short."""
    return _changed(configuration, lambda length: f"{milliseconds(length) // factor}ms")


def without_lengths(configuration: Any) -> Any:
    """The same, with all lengths of time alike."""
    return _changed(configuration, lambda _: "1s")


def lengths_ms(configuration: Any) -> list[int]:
    """All lengths of time in it, in their order."""
    found: list[int] = []

    def keep(length: str) -> str:
        found.append(milliseconds(length))
        return length

    _changed(configuration, keep)
    return found


def milliseconds(length: str) -> int:
    """Of `5m`."""
    matched = re.fullmatch(r"(\d+)([a-z]+)", length)
    assert matched is not None, length
    return int(matched[1]) * UNITS_MS[matched[2]]


def _changed(configuration: Any, change: Callable[[str], str], key: str = "") -> Any:
    match configuration:
        case dict():
            return {name: _changed(value, change, name) for name, value in configuration.items()}
        case list():
            return [_changed(value, change) for value in configuration]
        case str() if key in LENGTHS:
            return change(configuration)
        case str() if key == "expr":
            return RANGE.sub(lambda found: f"{found[1]}{change(found[2])}", configuration)
    return configuration

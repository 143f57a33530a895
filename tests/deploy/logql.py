"""As much of LogQL as the dashboards use: a selector, then filters of metadata and of lines."""

import json
import re
from collections.abc import Callable, Mapping

from tests.shippers.loki_receiver import Loki

_ONE = r'\w+\s*(?:=~|!~|!=|=)\s*"(?:[^"\\]|\\.)*"'
_FILTER = rf"(?:{_ONE}|\w+\s*>\s*\d+)"
_WHOLE = re.compile(rf"\{{({_ONE}(?:\s*,\s*{_ONE})*)\}}((?:\s*\|\s*{_FILTER})*)")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=|>)\s*(?:"((?:[^"\\]|\\.)*)"|(\d+))')
_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda value, wanted: value == wanted,
    "!=": lambda value, wanted: value != wanted,
    "=~": lambda value, wanted: re.fullmatch(wanted, value) is not None,
    ">": lambda value, wanted: value != "" and float(value) > float(wanted),
    "!~": lambda value, wanted: re.fullmatch(wanted, value) is None,
}


def found(loki: Loki, expression: str) -> int:
    """How many lines it finds."""
    whole = _WHOLE.fullmatch(expression)
    assert whole is not None, expression
    wanted, filters = _matchers(whole[1]), _matchers(whole[2])
    assert any(op in ("=", "=~") and not _COMPARISONS[op]("", value) for _, op, value in wanted), "Loki wants one"
    return sum(
        _all(json.loads(stream), wanted) and _all(metadata | json.loads(stream), filters)
        for (stream, _, _), metadata in loki.lines.items()
    )


def _matchers(text: str) -> list[tuple[str, str, str]]:
    return [(name, op, (text or number).replace("\\\\", "\\")) for name, op, text, number in _MATCHER.findall(text)]


def _all(values: Mapping[str, str], matchers: list[tuple[str, str, str]]) -> bool:
    return all(_COMPARISONS[op](values.get(name, ""), wanted) for name, op, wanted in matchers)

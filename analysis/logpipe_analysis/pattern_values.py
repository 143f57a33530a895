"""The values that stand where a template has a wildcard."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_PLACE = re.compile(r"<\*>|%(?:\(\w+\))?[-+ #0]*\d*(?:\.\d+)?[sdifrxXgGeEua]|\{[^{}\s]*\}")
"""A wildcard, or the place for an argument in the template of a program: printf's, or of str.format."""


@dataclass(frozen=True, slots=True)
class Values:
    """What was seen in one place of a template."""

    place: int
    """1 for the first."""
    after: str
    """The words before it, by which a person finds it."""
    distinct: int
    counts: Sequence[tuple[str, int]]
    """The most frequent, with how often each was seen."""


def behind(template: str, texts: Iterable[str], most: int = 10) -> list[Values]:
    """The values of each place, of those texts that the template fits. Cost: O(characters)."""
    literals = _PLACE.split(" ".join(template.split()))
    counters: list[Counter[str]] = [Counter() for _ in literals[1:]]
    for text in texts:
        for counter, value in zip(counters, _fitted(literals, " ".join(text.split())), strict=False):
            counter[value] += 1
    return [
        Values(place, _words_before(literals[place - 1]), len(counter), _most_common(counter, most))
        for place, counter in enumerate(counters, 1)
    ]


def _fitted(literals: Sequence[str], text: str) -> list[str]:
    """What stands between the literals; nothing where they are not all there, in their order."""
    if not text.startswith(literals[0]) or not text.endswith(literals[-1]):
        return []
    at, last = len(literals[0]), len(text) - len(literals[-1])
    values = []
    for literal in literals[1:-1]:
        found = text.find(literal, at, last)
        if found < 0:
            return []
        values.append(text[at:found])
        at = found + len(literal)
    return [*values, text[at:last]] if at <= last and len(literals) > 1 else []


def _words_before(literal: str) -> str:
    return literal.strip()[-30:]


def _most_common(counter: Counter[str], most: int) -> list[tuple[str, int]]:
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))[:most]

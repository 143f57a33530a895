"""What sets in together in one service is told together."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from logpipe_analysis.place import Place


class Begun(Protocol):
    """Something that set in."""

    @property
    def place(self) -> Place: ...

    @property
    def onset(self) -> int:
        """The bucket of the range."""
        ...


_One = TypeVar("_One", bound=Begun)


def together(found: Iterable[_One], near: int) -> list[list[_One]]:
    """Groups of one service and environment, each of which begins at most `near` buckets after the one before it."""
    groups: list[list[_One]] = []
    for one in sorted(found, key=lambda one: (one.place.service, str(one.place.environment), one.onset)):
        last = groups[-1][-1] if groups else None
        if last and last.place == one.place and one.onset - last.onset <= near:
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups

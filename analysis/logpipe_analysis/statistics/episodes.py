"""Stretches of buckets that belong together."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Episode:
    """A stretch of buckets, `end` exclusive."""

    start: int
    end: int


def episodes(flags: npt.NDArray[np.bool_], max_gap: int) -> Iterator[Episode]:
    """The stretches of raised flags; those with at most `max_gap` others between them are one."""
    raised = np.flatnonzero(flags)
    if not len(raised):
        return
    breaks = np.flatnonzero(np.diff(raised) > max_gap + 1)
    starts = np.concatenate(([0], breaks + 1))
    ends = np.concatenate((breaks, [len(raised) - 1]))
    for first, last in zip(starts, ends, strict=True):
        yield Episode(int(raised[first]), int(raised[last]) + 1)

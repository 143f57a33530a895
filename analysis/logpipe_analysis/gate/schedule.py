"""When a gate that waits looks, and how certain it must be each time: looking often makes chance look like a change.

Looks are spaced geometrically in the candidate's minutes, and the k-th may err with chance alpha / (k (k + 1)), which
adds up to alpha however long it waits (Bonferroni; alpha spending as by Lan and DeMets 1983). The number of a look
follows from the minutes alone, so that a gate that is started anew goes on where it was.
"""

import math

from logpipe_analysis.settings import GateSettings


def look(minutes: int, settings: GateSettings) -> int:
    """The number of the last look that is due once the candidate has so many minutes; 0 before the first."""
    number, due = 0, settings.min_judged_minutes
    while minutes >= due:
        number, due = number + 1, math.ceil(due * settings.look_factor)
    return number


def alpha_of(number: int, settings: GateSettings) -> float:
    """What the look of that number, from 1, may err."""
    return settings.alpha / (number * (number + 1))

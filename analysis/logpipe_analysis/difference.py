"""What differs between two ranges of time: values and pairs of them over-represented in one, and figures shifted."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from logpipe.store import Store
from logpipe_analysis.settings import DifferenceSettings
from logpipe_analysis.sides import Cells, Floats, Levels, Scope, Sides, Stretch
from logpipe_analysis.statistics import shares
from logpipe_analysis.statistics.discoveries import adjusted
from logpipe_analysis.statistics.shares import Compared

_LEADING: Final = 60
"""Differences, the weightiest, that are told, and looked at for pairs and for those that are of the same rows."""
_SAME_ROWS: Final = 0.9
"""The share of the rows of either of two values that both hold of, from which they are one difference."""

_TELLING: Final = (
    *("version", "exception_type", "message", "query", "route", "http_status", "event", "user_id", "host"),
    *("function", "instance", "logger", "service", "environment", "stream", "level"),
)
"""Of values that hold of the same rows, the key that stands first here speaks for them; keys of attributes are last."""

Named = tuple[str, str]
"""A key and its value."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A value, or two together, with a larger share of one range than of the other."""

    values: tuple[Named, ...]
    more_in_a: bool
    rows: tuple[int, int]
    """Of A and of B; estimated where a range is sampled."""
    share: tuple[float, float]
    """Of the rows of A and of B."""
    ratio: float
    """Odds in the range that has more by odds in the other."""
    low: float
    high: float
    """The 95 % interval of the ratio."""
    false_share: float
    """Of all differences as improbable as this, or more so, the share expected by chance."""
    certain: bool
    """False where a plain test alone would tell it: it comes so unevenly that it may be chance."""
    mostly: Stretch
    """When, in the range that has more, nine tenths of its rows came."""
    weight: float
    """Effect times support: the difference of the shares by the logarithm of the least ratio in the interval."""
    also: tuple[Named, ...] = ()
    """Other values that hold of the same rows."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A duration or number whose median is another."""

    key: str
    rows: tuple[int, int]
    median: tuple[float, float]
    ratio: float
    """Of the medians of slots, A by B."""
    low: float
    high: float
    """The 95 % interval of the ratio."""
    false_share: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that differs between A and B, the weightiest first."""

    a: Stretch
    b: Stretch
    rows: tuple[int, int]
    typical: float
    """How many times as many rows a minute A has as B, for the value in the middle."""
    differences: tuple[Difference, ...]
    shifts: tuple[Shift, ...]
    tests: int
    """Values, pairs and figures that were looked at."""
    notes: tuple[str, ...]


def compare(
    store: Store, a: Stretch, b: Stretch, scope: Scope | None = None, settings: DifferenceSettings | None = None
) -> Comparison:
    """Compare the events of two ranges.

    Raises:
        QueryError: the ranges overlap.
    """
    sides = Sides(store, a, b, scope or Scope(), settings or DifferenceSettings())
    if not all(sides.lines):
        missing = f"there are no events{sides.scope.told()} in one of the ranges: nothing to compare"
        return Comparison(a, b, sides.lines, 1.0, (), (), 0, (missing,))
    cells, levels = list(sides.cells()), list(sides.levels())
    tests = sum(each.tests for each in cells) + len(levels)
    names = [(each.key, value) for each in cells for value in each.values]
    if not names:
        return Comparison(a, b, sides.lines, 1.0, (), (), tests, ("too few events to compare",))
    singles = _Family([(name,) for name in names], np.vstack([each.counts for each in cells]))
    leading = _leading(sides, singles, tests)
    rows = _Rows(sides, [names[index] for index in leading])
    family = _with_pairs(sides, singles, leading, rows)
    tests += len(family.values) - len(names)
    moved = [shares.medians(each.medians, each.in_a) for each in levels]
    found, shift_shares = _found(sides, family, moved, tests)
    told = _merged([one for one in found if rows.knows(one.values)], rows)
    return Comparison(
        a,
        b,
        sides.lines,
        _typical(sides, singles),
        tuple(_without_weak_pairs(told)),
        tuple(_shifts(levels, moved, shift_shares, sides.settings)),
        tests,
        tuple(_notes(sides, cells)),
    )


@dataclass(frozen=True, slots=True)
class _Family:
    """Values, or pairs of them, and their counts by slot."""

    values: list[tuple[Named, ...]]
    counts: Floats


class _Rows:
    """Which of the leading values hold of the same rows."""

    def __init__(self, sides: Sides, leading: Sequence[Named]) -> None:
        self._bit = {name: 1 << bit for bit, name in enumerate(leading)}
        self._masks, self._counts = sides.together(leading) if leading else (np.zeros(0, np.int64), np.zeros((0, 0)))

    def knows(self, values: tuple[Named, ...]) -> bool:
        return all(value in self._bit for value in values)

    def counts(self, values: tuple[Named, ...]) -> Floats:
        """Of rows of which all these hold, a slot."""
        needed = reduce(lambda bits, value: bits | self._bit[value], values, 0)
        counted: Floats = self._counts[(self._masks & needed) == needed].sum(axis=0)
        return counted

    def same(self, one: tuple[Named, ...], other: tuple[Named, ...]) -> bool:
        """Whether they hold of nearly the same rows."""
        both = self.counts((*one, *other)).sum()
        either = self.counts(one).sum() + self.counts(other).sum() - both
        return bool(both >= _SAME_ROWS * either)


def _leading(sides: Sides, singles: _Family, tests: int) -> list[int]:
    """The weightiest values that differ, by a plain test at least."""
    found, _ = _found(sides, singles, [], tests)
    index = {values: number for number, values in enumerate(singles.values)}
    return [index[one.values] for one in found[:_LEADING]]


def _with_pairs(sides: Sides, singles: _Family, leading: Sequence[int], rows: _Rows) -> _Family:
    """The values, and those pairs of the leading ones that hold of fewer rows together than each alone."""
    values, counts = list(singles.values), [singles.counts]
    for first, second in combinations(leading, 2):
        pair = (*singles.values[first], *singles.values[second])
        both = rows.counts(pair)
        fewer = min(singles.counts[first].sum(), singles.counts[second].sum())
        if pair[0][0] != pair[1][0] and sides.settings.min_rows <= both.sum() < _SAME_ROWS * fewer:
            values.append(pair)
            counts.append(both[None, :])
    return _Family(values, np.vstack(counts))


def _found(sides: Sides, family: _Family, moved: Sequence[Compared], tests: int) -> tuple[list[Difference], Floats]:
    """What differs of a family, the weightiest first; and the false shares of the figures that belong to it."""
    settings, count = sides.settings, len(family.values)
    compared = shares.shares(family.counts, sides.rows, sides.in_a)
    others = [each.p_values for each in moved]
    false_shares = adjusted(np.concatenate([compared.p_values, *others]), tests)
    plain_shares = adjusted(np.concatenate([compared.plain_p_values, *others]), tests)
    large = _large(sides, family, compared)
    chosen = np.flatnonzero(large & (np.minimum(false_shares, plain_shares)[:count] <= settings.false_share))
    found = [_difference(sides, family, compared, int(index), float(false_shares[index])) for index in chosen]
    found = [one for one in found if one.certain or max(one.rows) >= settings.min_uneven_rows]
    return sorted(found, key=lambda one: (not one.certain, -one.weight, one.values)), false_shares[count:]


def _large(sides: Sides, family: _Family, compared: Compared) -> npt.NDArray[np.bool_]:
    """Whether the effect is worth telling: of the share, and of the rate beside what is typical.

    By its share alone everything would be rarer in a range that is flooded by one thing.
    """
    least = math.log(sides.settings.min_ratio)
    beside = _rates(sides, family) - math.log(_typical(sides, family))
    same_way: npt.NDArray[np.bool_] = np.sign(compared.effect) == np.sign(beside)
    return same_way & (np.abs(compared.effect) >= least) & (np.abs(beside) >= least)


def _rates(sides: Sides, family: _Family) -> Floats:
    """The logarithm of the rate in A by the rate in B."""
    rate = [
        (family.counts[:, side].sum(axis=1) + 0.5) / kept / stretch.length.total_seconds()
        for side, kept, stretch in zip((sides.in_a, ~sides.in_a), sides.kept, (sides.a, sides.b), strict=True)
    ]
    return np.asarray(np.log(rate[0] / rate[1]))


def _typical(sides: Sides, family: _Family) -> float:
    """How many times the rate of B the value in the middle has in A."""
    both = (family.counts[:, sides.in_a].sum(axis=1) > 0) & (family.counts[:, ~sides.in_a].sum(axis=1) > 0)
    return float(np.exp(np.median(_rates(sides, family)[both]))) if both.any() else 1.0


def _difference(sides: Sides, family: _Family, compared: Compared, index: int, false_share: float) -> Difference:
    more_in_a = bool(compared.effect[index] > 0)
    interval = (float(compared.low[index]), float(compared.high[index]))
    low, high = interval if more_in_a else (-interval[1], -interval[0])
    counts = [float(family.counts[index, side].sum()) for side in (sides.in_a, ~sides.in_a)]
    share_a, share_b = counts[0] / float(sides.rows[sides.in_a].sum()), counts[1] / float(sides.rows[~sides.in_a].sum())
    certain = false_share <= sides.settings.false_share
    return Difference(
        values=family.values[index],
        more_in_a=more_in_a,
        rows=(round(counts[0] / sides.kept[0]), round(counts[1] / sides.kept[1])),
        share=(share_a, share_b),
        ratio=_ratio(abs(float(compared.effect[index]))),
        low=_ratio(low),
        high=_ratio(high),
        false_share=false_share,
        certain=certain,
        mostly=sides.mostly(family.counts[index], more_in_a),
        weight=abs(share_a - share_b) * float(max(low, 0.0) if certain else compared.plain_size[index]),
    )


def _ratio(logarithm: float) -> float:
    return math.exp(min(logarithm, 700.0))


def _merged(found: Sequence[Difference], rows: _Rows) -> list[Difference]:
    """One for all that hold of the same rows."""
    groups: list[list[Difference]] = []
    for one in found:
        same = (group for group in groups if group[0].certain == one.certain and rows.same(group[0].values, one.values))
        group = next(same, None)
        if group is None:
            groups.append([one])
        elif len(one.values) == 1:
            group.append(one)
    return [_speaking(group) for group in groups]


def _speaking(group: Sequence[Difference]) -> Difference:
    lead = min(group, key=lambda one: (len(one.values), _rank(one.values[0])))
    also = [value for one in group if one is not lead and len(one.values) == 1 for value in one.values]
    return replace(lead, also=tuple(sorted(also, key=_rank)))


def _rank(named: Named) -> tuple[int, Named]:
    return _TELLING.index(named[0]) if named[0] in _TELLING else len(_TELLING), named


def _without_weak_pairs(found: Sequence[Difference]) -> Iterator[Difference]:
    """Pairs only where they tell more than either of their values does."""
    ratio = {value: one.ratio for one in found if len(one.values) == 1 for value in (*one.values, *one.also)}
    for one in found:
        if len(one.values) == 1 or one.low > max(ratio.get(value, 1.0) for value in one.values):
            yield one


def _shifts(
    levels: Sequence[Levels], moved: Sequence[Compared], false_shares: Floats, settings: DifferenceSettings
) -> list[Shift]:
    shifts = [
        Shift(level.key, level.rows, level.overall, _ratio(by.effect[0]), _ratio(by.low[0]), _ratio(by.high[0]), share)
        for level, by, share in zip(levels, moved, map(float, false_shares), strict=True)
        if share <= settings.false_share and abs(by.effect[0]) >= math.log(settings.min_level_ratio)
    ]
    return sorted(shifts, key=lambda one: (-abs(math.log(one.ratio)) * min(one.rows), one.key))


def _notes(sides: Sides, cells: Sequence[Cells]) -> Iterator[str]:
    for name, kept, lines in zip("AB", sides.kept, sides.lines, strict=True):
        if kept < 1:
            read = round(kept * lines)
            yield f"{name} is a sample: {read:,} of its {lines:,} events were read, and counts are estimates"
    if sides.unique_keys:
        yield f"not looked at, since nearly each row has its own value: {', '.join(sides.unique_keys)}"
    for each in cells:
        if each.tests > len(each.values):
            yield f"{each.key}: of {each.tests:,} values the {len(each.values):,} most frequent were looked at"

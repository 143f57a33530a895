"""What `logpipe diff` calls different: the share of comparisons of a process with itself that find anything, and what
is found of values whose share was tripled.

Each comparison has 60 values of rates between one in ten minutes and fifty a minute, seeds of its own, and one of four
processes: independent lines, bursts of twenty lines, and rates that wander with correlations of 0.5 and 0.8 a minute.
"""

from collections.abc import Iterator

import numpy as np
from eval_measure import Measure

from logpipe_analysis.settings import DifferenceSettings
from logpipe_analysis.statistics import shares
from logpipe_analysis.statistics.discoveries import adjusted

RUNS = 40
VALUES = 60
STRETCHES = ((60, 60), (20, 60), (15, 240))
PROCESSES = ("independent", "bursts", "wandering 0.5", "wandering 0.8")
LEAST_TRIPLED = 100
"""Rows of a tripled value in the shorter stretch, from which it is to be found where lines are independent."""


def measure() -> Iterator[Measure]:
    """False shares by process, beside a plain test's, and recall."""
    settings = DifferenceSettings()
    for process in PROCESSES:
        judged = [_compared(process, lengths, seed) for lengths in STRETCHES for seed in range(RUNS)]
        found = np.mean([_any(one.p_values, settings) for one in judged])
        plain = np.mean([_any(one.plain_p_values, settings) for one in judged])
        what = f"diff of a process with itself ({process}): comparisons that find anything; a plain test: {plain:.2f}"
        yield Measure(what, float(found), 2 * settings.false_share, at_most=True)
    yield Measure(f"diff, shares tripled, {LEAST_TRIPLED} rows at least: found", _recall(settings), 0.95)


def _any(p_values: np.ndarray, settings: DifferenceSettings) -> bool:
    return bool((adjusted(p_values, len(p_values)) <= settings.false_share).any())


def _compared(process: str, lengths: tuple[int, int], seed: int) -> shares.Compared:
    generator = np.random.default_rng([seed, *lengths, len(process)])
    rates = 10 ** generator.uniform(-1, 1.7, (VALUES, 1))
    return _judged(_counts(process, rates, sum(lengths), generator), lengths)


def _judged(counts: np.ndarray, lengths: tuple[int, int]) -> shares.Compared:
    """As `compare` cuts stretches into slots, of whole minutes here."""
    minutes = max(round(max(min(lengths) / DifferenceSettings().slots, sum(lengths) / 400)), 1)
    sides = (counts[:, : lengths[0]], counts[:, lengths[0] :])
    parts = [np.add.reduceat(side, np.arange(0, side.shape[1], minutes), axis=1) for side in sides]
    slots = np.hstack(parts).astype(float)
    in_a = np.arange(slots.shape[1]) < parts[0].shape[1]
    kept = slots[slots.sum(axis=1) >= DifferenceSettings().min_rows]
    return shares.shares(kept, slots.sum(axis=0), in_a)


def _counts(process: str, rates: np.ndarray, minutes: int, generator: np.random.Generator) -> np.ndarray:
    if process == "independent":
        return generator.poisson(rates, (len(rates), minutes))
    if process == "bursts":
        bursts = generator.poisson(rates / 20, (len(rates), minutes))
        lines = bursts * generator.geometric(1 / 20, bursts.shape)
        late = generator.binomial(lines, 0.3)  # goes on into the next minute
        return lines - late + np.pad(late, ((0, 0), (1, 0)))[:, :-1]
    correlation = float(process.split()[1])
    wander = generator.normal(size=(len(rates), minutes))
    for minute in range(1, minutes):
        wander[:, minute] = correlation * wander[:, minute - 1] + (1 - correlation**2) ** 0.5 * wander[:, minute]
    return generator.poisson(rates * np.exp(0.5 * wander))


def _recall(settings: DifferenceSettings) -> float:
    """Of values of which three times as many come in the shorter stretch, how many are found."""
    found = wanted = 0
    for seed in range(RUNS):
        generator = np.random.default_rng([7, seed])
        lengths = STRETCHES[seed % len(STRETCHES)]
        rates = 10 ** generator.uniform(0, 1.7, (VALUES, 1))
        counts = _counts("independent", rates, sum(lengths), generator)
        tripled = generator.choice(VALUES, 3, replace=False)
        counts[np.ix_(tripled, range(lengths[0]))] *= 3
        false_shares = adjusted(_judged(counts, lengths).p_values, VALUES)
        enough = tripled[counts[tripled, : lengths[0]].sum(axis=1) >= LEAST_TRIPLED]
        found += int((false_shares[enough] <= settings.false_share).sum())
        wanted += len(enough)
    return found / wanted

"""The gate on made traffic of a known difference: wrong failures, and what it detects.

Traffic is requests over five operations, with durations that are lognormal around a level that wanders, and errors
whose rate wanders too (first-order autoregression), each version by itself. Seeds are fixed, and each
trial has its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from eval_measure import Measure
from scipy import stats

from logpipe_analysis.gate.effects import effects
from logpipe_analysis.gate.sample import Sample
from logpipe_analysis.gate.schedule import alpha_of, look
from logpipe_analysis.gate.verdict import Answer, answered
from logpipe_analysis.settings import GateSettings

SETTINGS = GateSettings()
TRIALS = 100
MINUTES = 60
PER_MINUTE = 1000
ERROR_RATE = 0.01
SHARES = (0.4, 0.3, 0.15, 0.1, 0.05)
SIGMA = 0.5
BUCKETS = 100
"""Durations reach from 1 ms to 2^(100/8)."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a version is like."""

    errors: float = ERROR_RATE
    slower: float = 1.0
    per_minute: int = PER_MINUTE
    minutes: int = MINUTES
    wander: tuple[float, float] = (0.05, 0.1)
    """Standard deviations of the logarithms of the duration and of the error rate, beyond those of single events."""
    persistence: float = 0.8
    """Of what is left of the wandering from one minute to the next."""


def measure() -> Iterator[Measure]:
    """Wrong failures on identical versions, and worse versions that fail."""
    same, twice = Traffic(), Traffic(errors=2 * ERROR_RATE)
    yield Measure("gate, identical versions: fail", share("fail", same, 1), 0.05, at_most=True)
    yield Measure("gate, identical versions: pass", share("pass", same, 1), 0.8)
    yield Measure("gate, identical versions, looked at while waiting: fail", waited(same, 2), 0.05, at_most=True)
    yield Measure("gate, twice the errors: fail", share("fail", twice, 3), 0.95)
    yield Measure("gate, 30 % slower: fail", share("fail", Traffic(slower=1.3), 4), 0.95)
    rough = replace(same, wander=(0.1, 0.4), persistence=0.9)
    yield Measure("gate, identical versions that wander much: fail", share("fail", rough, 6), 0.05, at_most=True)
    few = replace(same, per_minute=20, minutes=15)
    yield Measure(
        "gate, identical versions, 20 requests/min for 15 min: fail", share("fail", few, 5), 0.05, at_most=True
    )


def share(answer: str, candidate: Traffic, seed: int) -> float:
    """Of the trials, the share with that answer; the baseline has as many minutes and as much traffic."""
    return float(np.mean([_answer(candidate, 1000 * seed + trial) == answer for trial in range(TRIALS)]))


def waited(candidate: Traffic, seed: int) -> float:
    """The share of trials that fail at any look while the candidate's minutes come in."""
    return float(np.mean([_answer_of_looks(candidate, 1000 * seed + trial) == "fail" for trial in range(TRIALS)]))


def _answer(candidate: Traffic, seed: int) -> Answer:
    samples = _samples(candidate, seed)
    return answered(samples, effects(*samples, SETTINGS, SETTINGS.alpha), SETTINGS)


def _answer_of_looks(candidate: Traffic, seed: int) -> Answer:
    """The first answer that is one, as `logpipe gate --wait` would have it."""
    rows = _rows(candidate, np.random.default_rng([seed, 1]))
    baseline = Sample.of_frames(
        *_rows(replace(candidate, errors=ERROR_RATE, slower=1.0), np.random.default_rng([seed, 0]))
    )
    before = 0
    for minutes in range(1, candidate.minutes + 1):
        number = look(minutes, SETTINGS)
        if number > before:
            so_far = Sample.of_frames(*(frame[frame["i"] < minutes] for frame in rows))
            found = effects(baseline, so_far, SETTINGS, alpha_of(number, SETTINGS))
            answer = answered((baseline, so_far), found, SETTINGS)
            if answer != "not_enough_data":
                return answer
        before = number
    return "not_enough_data"


def _samples(candidate: Traffic, seed: int) -> tuple[Sample, Sample]:
    same = replace(candidate, errors=ERROR_RATE, slower=1.0)
    return (
        Sample.of_frames(*_rows(same, np.random.default_rng([seed, 0]))),
        Sample.of_frames(*_rows(candidate, np.random.default_rng([seed, 1]))),
    )


def _rows(traffic: Traffic, generator: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Counts and durations a minute and operation, as a gate reads them from the roll-ups."""
    rate = traffic.per_minute * np.exp(_wandering(generator, traffic, 0.2))
    level = np.exp(_wandering(generator, traffic, traffic.wander[0]))
    failing = traffic.errors * np.exp(_wandering(generator, traffic, traffic.wander[1]))
    counts, durations = [], []
    for number, share in enumerate(SHARES):
        name = f"GET /{number}"
        events = generator.poisson(rate * share)
        errors = generator.binomial(events, np.minimum(failing, 1.0))
        counts.append(
            pd.DataFrame({"i": np.arange(traffic.minutes), "operation_kind": "http", "operation": name,
                          "events": events, "server_errors": errors, "logged_errors": 0, "bytes": 200 * events})
        )  # fmt: skip
        median = np.log2(40 * (1 + number) * traffic.slower * level)
        # The chance of each bucket (2^(b/8), 2^((b+1)/8)] of a lognormal duration, a row a minute.
        edges = stats.norm.cdf((np.arange(BUCKETS + 1) / 8 - median[:, None]) * np.log(2) / SIGMA)
        chances = np.diff(edges, axis=1)
        timed = generator.multinomial(events, chances / chances.sum(axis=1, keepdims=True))
        minute, bucket = np.nonzero(timed)
        durations.append(
            pd.DataFrame({"i": minute, "bucket": bucket, "events": timed[minute, bucket].astype(float),
                          "operation_kind": "http", "operation": name})
        )  # fmt: skip
    return pd.concat(counts).query("events > 0"), pd.concat(durations)


def _wandering(generator: np.random.Generator, traffic: Traffic, spread: float) -> np.ndarray:
    """A stationary first-order autoregression with that standard deviation."""
    noise = generator.normal(size=traffic.minutes) * spread * np.sqrt(1 - traffic.persistence**2)
    values = np.empty(traffic.minutes)
    values[0] = generator.normal() * spread
    for minute in range(1, traffic.minutes):
        values[minute] = traffic.persistence * values[minute - 1] + noise[minute]
    return values

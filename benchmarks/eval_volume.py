"""Changes of volume in generated days: those found, and what is found besides.

Each service has a rhythm of the day and of the week, and a rate that wanders; into half of them one change is put,
after the first week, for one to four hours: to at least 2.5 times or at most 0.4 of the volume, and by themselves the
smallest that count, to twice and to half of it. Two services only have a batch each hour, and a job each night.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
from eval_measure import Measure

from logpipe.store import Store
from logpipe_analysis.buckets import Buckets
from logpipe_analysis.detectors import volume
from logpipe_analysis.finding import Finding
from logpipe_analysis.settings import Settings
from logpipe_analysis.timerange import TimeRange

Floats = npt.NDArray[np.float64]

START = datetime(2026, 1, 5, tzinfo=UTC)
DAYS, DAY, SERVICES, SEEDS = 15, 1440, 16, tuple(range(101, 107))
MINUTES = np.arange(DAYS * DAY)


CHANGES = {"×2.5, ×3, ×0.4 and ×0.3": (0.3, 0.4, 2.5, 3.0), "×2": (2.0,), "×0.5": (0.5,)}


def measure() -> Iterator[Measure]:
    """The share found, and false findings a service and day."""
    false = 0
    for name, factors in CHANGES.items():
        found = changed = 0
        for seed in SEEDS:
            truth, findings = _judged(np.random.default_rng(seed), factors)
            right = [finding for finding in findings if _of(finding, truth.get(finding.service))]
            found += len({finding.service for finding in right})
            changed += len(truth)
            false += len(findings) - len(right)
        yield Measure(f"volumes, generated: share of {changed} changes to {name} found", found / changed, 0.95)
    days = len(CHANGES) * len(SEEDS) * SERVICES * DAYS
    yield Measure("volumes, generated: false findings a service and day", false / days, 0.005, at_most=True, digits=4)


def _judged(
    generator: np.random.Generator, factors: Sequence[float]
) -> tuple[dict[str, tuple[int, int]], list[Finding]]:
    """When the volume of which service changes, from minute to minute, and what is found."""
    frames, truth = [], {}
    for number in range(SERVICES):
        name, rate = f"service-{number}", _rate(generator, number)
        if number < SERVICES // 2:
            start = int(generator.integers(7 * DAY, (DAYS - 1) * DAY))
            end = start + int(generator.integers(60, 240))
            rate[start:end] *= generator.choice(factors)
            truth[name] = (start, end)
        counts = generator.poisson(rate)
        at = np.flatnonzero(counts)
        minutes = pd.Timestamp(START) + pd.to_timedelta(at, unit="min")
        frames.append(pd.DataFrame({"minute": minutes, "service": name, "events": counts[at]}))
    with Store.open(":memory:") as store:
        with store.transaction() as connection:
            connection.register("counted", pd.concat(frames))
            connection.execute("INSERT INTO rollup_minute BY NAME SELECT *, 9 AS severity, 0 AS bytes FROM counted")
            connection.unregister("counted")
        buckets = Buckets(store, TimeRange(START, START + timedelta(days=DAYS), timedelta(minutes=1)))
        return truth, volume.detect(buckets, Settings().volume, Settings().gauges)


def _rate(generator: np.random.Generator, number: int) -> Floats:
    """Events a minute: a batch each hour, a job each night, or the rhythm of a site; they wander by a tenth (sd)."""
    time, day = MINUTES % DAY / DAY, MINUTES // DAY
    base = np.exp(generator.uniform(np.log(5), np.log(300)))
    if number == SERVICES - 1:
        shape = np.where(MINUTES % 60 < 10, 6.0, 0.3)
    elif number == SERVICES - 2:
        shape = np.where((time > 0.1) & (time < 0.15), 8.0, 0.5)
    else:
        shape = 1 + generator.uniform(0.2, 0.8) * np.sin(2 * np.pi * (time - generator.random()))
        weekend = np.where(day % 7 >= 5, generator.uniform(0.6, 1.0), 1.0)
        shape *= np.convolve(np.pad(weekend, (90, 89), mode="edge"), np.ones(180) / 180, "valid")
    wandering = 0.6 * pd.Series(generator.normal(size=len(MINUTES) // 10)).ewm(alpha=0.05).mean().to_numpy()
    rate: Floats = base * shape * np.exp(np.repeat(wandering, 10))
    return rate


def _of(finding: Finding, change: tuple[int, int] | None) -> bool:
    """Whether the finding overlaps the change."""
    if change is None:
        return False
    start, end = (START + timedelta(minutes=minute) for minute in change)
    return finding.started_at < end and (finding.ended_at is None or finding.ended_at > start)

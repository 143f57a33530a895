"""What changed from the baseline to the candidate, each figure with its interval and what follows from it.

The rule, for each figure: it fails where the lower end of its interval lies beyond what is tolerated, it passes where
the upper end does not; else the data are not enough to say. The chance of one wrong answer of all is `alpha`: half of
it goes to the figures of the whole, a quarter to those of single operations, a quarter to new patterns.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from logpipe_analysis.gate.sample import Floats, Name, Sample
from logpipe_analysis.settings import GateSettings
from logpipe_analysis.statistics.histograms import log_quantile
from logpipe_analysis.statistics.ratios import Interval, RateChange, Resamples, latency_change, rate_change

Outcome = Literal["fail", "pass", "unsure"]
Metric = Literal["errors", "p50", "p95"]
Subject = Name | tuple[None, None]
"""An operation, or the whole."""

WHOLE_SHARE, OPERATIONS_SHARE, PATTERNS_SHARE = 0.5, 0.25, 0.25
"""Of alpha."""

_QUANTILES: tuple[tuple[Metric, float], ...] = (("p50", 0.5), ("p95", 0.95))
_SEEDS = (1, 2)


@dataclass(frozen=True, slots=True)
class Effect:
    """One figure of the two versions."""

    metric: Metric
    kind: str | None
    """Of the operation: http, db, event."""
    operation: str | None
    """None for the whole."""
    unit: str
    """Of `baseline` and `candidate`: ms, errors per request, errors per event."""
    baseline: float
    candidate: float
    ratio: Interval
    added: Interval | None
    """The difference, of errors only."""
    tolerated_ratio: float
    tolerated_added: float
    """Less than this is no regression, whatever the ratio."""
    events: tuple[int, int]
    """Judged, of the baseline and of the candidate."""
    outcome: Outcome


def effects(
    baseline: Sample, candidate: Sample, settings: GateSettings, alpha: float, *, worse_only: bool = False
) -> list[Effect]:
    """Those of the whole first, then those of operations with enough events to be judged.

    `worse_only` spares the work for operations whose figures cannot fail, since they are no more than tolerated.
    """
    if min(len(baseline.minutes), len(candidate.minutes)) < settings.min_judged_minutes:
        return []
    whole_tail = alpha * WHOLE_SHARE / 3
    found = [_errors_of_whole(baseline, candidate, settings, whole_tail)]
    latencies = _Latencies(baseline, candidate, settings)
    found += list(latencies.of_whole(whole_tail))
    names = _counted(baseline, candidate, settings)
    tail = alpha * OPERATIONS_SHARE / max(len(names) + 2 * len(latencies.names), 1)
    failing = [name for name in names if not worse_only or _fails_more(name, baseline, candidate, settings)]
    found += [_errors_of(name, baseline, candidate, settings, tail) for name in failing]
    told = [name for name in latencies.names if not worse_only or latencies.is_worse(name)]
    found += [effect for name in told for effect in latencies.of(name, tail)]
    return [effect for effect in found if effect is not None]


def _errors_of_whole(baseline: Sample, candidate: Sample, settings: GateSettings, tail: float) -> Effect | None:
    """Per request where both serve requests, so that a chattier log is no better service; else per event."""
    served = min(baseline.requests.sum(), candidate.requests.sum()) > 0
    volumes = (baseline.requests, candidate.requests) if served else (baseline.events, candidate.events)
    change = rate_change((baseline.errors, candidate.errors), volumes, tail)
    unit = "errors per request" if served else "errors per event"
    counts = (baseline.errors, candidate.errors)
    return _error_effect((None, None), unit, counts, volumes, change, settings) if change else None


def _counted(baseline: Sample, candidate: Sample, settings: GateSettings) -> list[Name]:
    """The operations of both with enough events, and an error on either side."""
    return [
        name
        for name, one in baseline.operations.items()
        if (other := candidate.operations.get(name)) is not None
        and min(one.events.sum(), other.events.sum()) >= settings.min_operation_events
        and one.errors.sum() + other.errors.sum() > 0
    ]


def _fails_more(name: Name, baseline: Sample, candidate: Sample, settings: GateSettings) -> bool:
    """Whether its errors are more than tolerated, certainly or not."""
    rates = [one.errors.sum() / one.events.sum() for one in (baseline.operations[name], candidate.operations[name])]
    return bool(rates[1] > settings.max_error_ratio * rates[0])


def _errors_of(name: Name, baseline: Sample, candidate: Sample, settings: GateSettings, tail: float) -> Effect | None:
    both = baseline.operations[name], candidate.operations[name]
    counts, volumes = (both[0].errors, both[1].errors), (both[0].events, both[1].events)
    change = rate_change(counts, volumes, tail)
    unit = "errors per request" if name[0] == "http" else "errors per event"
    return _error_effect(name, unit, counts, volumes, change, settings) if change else None


def _error_effect(
    name: Subject,
    unit: str,
    counts: tuple[Floats, Floats],
    volumes: tuple[Floats, Floats],
    change: RateChange,
    settings: GateSettings,
) -> Effect:
    fails = change.ratio.low > settings.max_error_ratio and change.added.low > settings.max_added_errors
    passes = change.ratio.high <= settings.max_error_ratio or change.added.high <= settings.max_added_errors
    rates = [float(count.sum() / volume.sum()) for count, volume in zip(counts, volumes, strict=True)]
    return Effect(
        metric="errors",
        kind=name[0],
        operation=name[1],
        unit=unit,
        baseline=rates[0],
        candidate=rates[1],
        ratio=change.ratio,
        added=change.added,
        tolerated_ratio=settings.max_error_ratio,
        tolerated_added=settings.max_added_errors,
        events=(int(volumes[0].sum()), int(volumes[1].sum())),
        outcome="fail" if fails else "pass" if passes else "unsure",
    )


class _Latencies:
    """The bootstrap of both samples, and the histograms drawn for each operation that both have often enough."""

    def __init__(self, baseline: Sample, candidate: Sample, settings: GateSettings) -> None:
        self._settings = settings
        self._samples = (baseline, candidate)
        self._draws = tuple(
            Resamples(len(sample.minutes), seed) for sample, seed in zip(self._samples, _SEEDS, strict=True)
        )
        counted = (baseline.timed, candidate.timed)
        self.names = sorted(
            name
            for name in counted[0]
            if min(counted[0][name], counted[1].get(name, 0.0)) >= settings.min_operation_events
        )
        self._events = {name: (int(counted[0][name]), int(counted[1][name])) for name in self.names}

    def is_worse(self, name: Name) -> bool:
        """Whether its p50 or p95 is more than tolerated, certainly or not."""
        lowest, width = self._span([name])
        both = [sample.histogram(name, lowest, width).sum(axis=0)[None, :] for sample in self._samples]
        least = math.log(self._settings.max_latency_ratio)
        return any(
            log_quantile(both[1], lowest, share)[0] - log_quantile(both[0], lowest, share)[0] > least
            for _, share in _QUANTILES
        )

    def of(self, name: Name, tail: float) -> Iterator[Effect]:
        """p50 and p95 of one operation."""
        lowest, width = self._span([name])
        drawn = [self._drawn(which, name, lowest, width) for which in (0, 1)]
        yield from self._quantiles(name, drawn, lowest, self._events[name], tail)

    def of_whole(self, tail: float) -> Iterator[Effect]:
        """p50 and p95 over all requests (over all operations where there are none), at one and the same mix of them.

        Each operation weighs what it does on both sides together: a candidate that is asked for other things than the
        baseline was is neither slower nor faster for that.
        """
        names = [name for name in self.names if name[0] == "http"] or self.names
        if not names:
            return
        lowest, width = self._span(names)
        mixed = [np.zeros((1, width)), np.zeros((1, width))]
        for name in names:
            weight = sum(self._events[name])
            for which in (0, 1):
                drawn = self._drawn(which, name, lowest, width)
                mixed[which] = mixed[which] + weight * drawn / np.maximum(drawn.sum(axis=1, keepdims=True), 1e-12)
        events = [sum(self._events[name][which] for name in names) for which in (0, 1)]
        yield from self._quantiles((None, None), mixed, lowest, (events[0], events[1]), tail)

    def _span(self, names: list[Name]) -> tuple[int, int]:
        ends = [sample.buckets(name) for name in names for sample in self._samples]
        lowest = min(low for low, _ in ends)
        return lowest, max(high for _, high in ends) - lowest + 1

    def _drawn(self, which: int, name: Name, lowest: int, width: int) -> Floats:
        return self._draws[which].histograms(self._samples[which].histogram(name, lowest, width))

    def _quantiles(
        self, name: Subject, drawn: list[Floats], lowest: int, events: tuple[int, int], tail: float
    ) -> Iterator[Effect]:
        counted = (self._draws[0].blocks, self._draws[1].blocks)
        for metric, share in _QUANTILES:
            ratio, before, after = latency_change(drawn[0], drawn[1], lowest, share, counted, tail)
            yield self._effect(metric, name, ratio, (before, after), events)

    def _effect(
        self,
        metric: Metric,
        name: Subject,
        ratio: Interval,
        figures: tuple[float, float],
        events: tuple[int, int],
    ) -> Effect:
        settings, (before, after) = self._settings, figures
        fails = ratio.low > settings.max_latency_ratio and before * (ratio.low - 1) > settings.max_added_ms
        passes = ratio.high <= settings.max_latency_ratio or before * (ratio.high - 1) <= settings.max_added_ms
        return Effect(
            metric=metric,
            kind=name[0],
            operation=name[1],
            unit="ms",
            baseline=before,
            candidate=after,
            ratio=ratio,
            added=None,
            tolerated_ratio=settings.max_latency_ratio,
            tolerated_added=settings.max_added_ms,
            events=events,
            outcome="fail" if fails else "pass" if passes else "unsure",
        )

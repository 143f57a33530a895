"""`latency_shift` and `latency_trend`: requests and other timed events that became slower, at once or gradually."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from logpipe.store.literals import literal
from logpipe_analysis import evidence, phrases
from logpipe_analysis.buckets import LEAST_BUCKET, Buckets
from logpipe_analysis.deployments import Deployment, deployments, nearest
from logpipe_analysis.finding import Example, Finding, Kind, Severity
from logpipe_analysis.findings import fingerprint
from logpipe_analysis.place import Place
from logpipe_analysis.rises import Rise, figure, rises
from logpipe_analysis.settings import LatencySettings, StepSettings
from logpipe_analysis.together import together

_KINDS = ("http", "event")
_SLOWEST = 50
"""Events that examples are chosen from: to read their texts is most of what a finding costs."""


@dataclass(frozen=True, slots=True)
class Risen:
    """A rise and whose it is."""

    place: Place
    kind: str
    operation: str
    rise: Rise

    @property
    def onset(self) -> int:
        return self.rise.onset


def detect(
    buckets: Buckets, settings: LatencySettings, steps: StepSettings, spikes: Sequence[Finding]
) -> list[Finding]:
    """Shifts and trends; not the disturbance of an error spike, and not of queries, which `slow_query` covers."""
    risen = risen_operations(buckets, _KINDS, settings, steps, spikes)
    known = deployments(buckets)
    return [_finding(buckets, settings, group, known) for group in grouped(risen, settings)]


def risen_operations(
    buckets: Buckets,
    kinds: tuple[str, ...],
    settings: LatencySettings,
    steps: StepSettings,
    spikes: Sequence[Finding],
) -> list[Risen]:
    """Every rise of the operations of these kinds."""
    return [
        Risen(place, latency.kind, latency.operation, rise)
        for place, latency in buckets.operations(kinds, 2 * settings.min_events)
        for rise in rises(latency, disturbed(buckets, place, spikes), buckets.range.bucket, settings, steps)
    ]


def disturbed(buckets: Buckets, place: Place, spikes: Sequence[Finding]) -> npt.NDArray[np.bool_]:
    """The buckets of the range that lie in an error spike of the service."""
    marked = np.zeros(buckets.range.buckets, dtype=bool)
    for spike in spikes:
        if (spike.service, spike.environment) == (place.service, place.environment):
            start = (spike.started_at - buckets.range.since) // buckets.range.bucket
            end = -(-((spike.ended_at or buckets.range.until) - buckets.range.since) // buckets.range.bucket)
            marked[max(start, 0) : max(end, 0)] = True
    return marked


def grouped(risen: Sequence[Risen], settings: LatencySettings) -> list[list[Risen]]:
    """Rises that begin together, the one with the most added time first; of climbs the onset is less sure."""
    groups = [
        group
        for gradual in (False, True)
        for group in together(
            (one for one in risen if one.rise.gradual is gradual), settings.together_buckets * (5 if gradual else 1)
        )
    ]
    return [sorted(group, key=lambda one: (-one.rise.added_ms(), one.operation)) for group in groups]


def _finding(buckets: Buckets, settings: LatencySettings, group: list[Risen], known: Sequence[Deployment]) -> Finding:
    lead, bucket = group[0], buckets.range.bucket
    place, rise = lead.place, lead.rise
    start = buckets.range.at(rise.onset)
    end = None if rise.end is None else buckets.range.at(rise.end)
    kind: Kind = "latency_trend" if rise.gradual else "latency_shift"
    name = phrases.shortened(lead.operation, 60)
    length = (end or buckets.range.until) - start
    deployment = nearest(list(known), place.service, start, timedelta(minutes=settings.deployment_minutes))
    why = f" at the deployment of {deployment.version or 'a new version'}" if deployment else ""
    verb = "creeps up" if rise.gradual else "stepped up"
    explanation = (
        f"{place.service}: {name} {verb}{why}: {change(rise)}{pace(rise, bucket)}{limit(rise, bucket)}; "
        f"{round(rise.after.events):,} requests in "
        f"{phrases.duration(length)}{others(group)}; {phrases.span(start, end, bucket)}."
    )
    return Finding(
        kind=kind,
        severity=severity(rise),
        service=place.service,
        environment=place.environment,
        subject=lead.operation,
        started_at=start,
        ended_at=end,
        baseline=round(figure(rise.before, rise.metric), 3),
        observed=round(figure(rise.after, rise.metric), 3),
        unit="ms",
        score=score(rise),
        confidence=round(1 - min(rise.p_value, 0.5), 4),
        title=phrases.shortened(f"{name} {phrases.times(rise.ratio(), 1)} slower ({rise.metric})"),
        explanation=explanation,
        evidence=slowest(buckets, lead),
        sql=latency_sql(buckets, lead),
        # Of one kind for both: what shows as a step today may show tomorrow that it climbs, and is the same finding.
        fingerprint=fingerprint("latency", place.service, place.environment, lead.operation),
    )


def change(rise: Rise) -> str:
    """Before and after, the telling figure first, with how sure it is."""
    names = ["p50", "p95"] if rise.metric != "p95" else ["p95", "p50"]
    if rise.metric == "mean":
        names = ["mean", "p95"]
    first, second = (
        f"{name} {phrases.milliseconds(figure(rise.before, name))} → {phrases.milliseconds(figure(rise.after, name))}"
        for name in names
    )
    if rise.spread is None:
        return f"{first}, {second}"
    low, high = (_factor(bound) for bound in rise.spread.ratio)
    return f"{first} (×{_factor(rise.ratio())}, 95 % interval {low}–{high}), {second}"


def _factor(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 2 else f"{ratio:.1f}" if ratio < 100 else f"{ratio:,.0f}"


def pace(rise: Rise, bucket: timedelta) -> str:
    """How fast a gradual rise goes, an hour or a day."""
    if not rise.gradual:
        return ""
    hourly = rise.per_bucket ** (timedelta(hours=1) / bucket)
    if hourly < 1.02:
        return f", {(hourly**24 - 1) * 100:+.0f} % a day"
    return f", {(hourly - 1) * 100:+.0f} %/h at its steepest"


def limit(rise: Rise, bucket: timedelta) -> str:
    """When p95 will pass its limit."""
    if rise.crossing is None:
        return ""
    foreseen = rise.crossing
    until = f"to {phrases.duration(foreseen.latest * bucket)}" if foreseen.latest < math.inf else "or never"
    return (
        f"; at this pace p95 passes {phrases.milliseconds(foreseen.limit_ms)} in "
        f"{phrases.duration(foreseen.likely * bucket)} ({phrases.duration(foreseen.earliest * bucket)} {until})"
    )


def others(group: Sequence[Risen]) -> str:
    """What else rose at the same time."""
    if len(group) == 1:
        return ""
    named = ", ".join(phrases.shortened(one.operation, 40) for one in group[1:3])
    rest = f" and {len(group) - 3} more" if len(group) > 3 else ""
    return f"; with it {named}{rest}"


def severity(rise: Rise) -> Severity:
    """By size: critical from three times, warning from one and a half."""
    ratio = rise.ratio()
    return "critical" if ratio >= 3 and rise.after.p95_ms >= 100 else "warning" if ratio >= 1.5 else "info"


def score(rise: Rise) -> float:
    """The negative decimal logarithm of the p value."""
    return round(-math.log10(max(rise.p_value, 1e-300)), 2)


def slowest(buckets: Buckets, risen: Risen) -> tuple[Example, ...]:
    """The slowest events of the rise."""
    start = buckets.range.at(risen.rise.onset)
    end = buckets.range.until if risen.rise.end is None else buckets.range.at(risen.rise.end)
    own = evidence.of_operation(risen.place, risen.kind, risen.operation, start, end)
    condition = f"{own} AND isfinite(duration_ms) AND {_slow_enough(buckets, risen)}"
    return evidence.examples(buckets.store, condition, order="-duration_ms")


def _slow_enough(buckets: Buckets, risen: Risen) -> str:
    """What the slowest events take at least, as SQL: it spares a look at the names of all the others."""
    found = buckets.durations
    own = found.of(found.number(risen.place, risen.kind, risen.operation))
    end = buckets.range.buckets if risen.rise.end is None else risen.rise.end
    inside = (found.index[own] >= risen.rise.onset) & (found.index[own] < end)
    counted = np.bincount(found.bucket[own][inside] - LEAST_BUCKET, weights=found.events[own][inside])
    enough = np.flatnonzero(np.cumsum(counted[::-1])[::-1] >= _SLOWEST)
    if not len(enough) or enough[-1] == 0:
        return "true"
    return f"duration_ms >= {2.0 ** ((int(enough[-1]) + LEAST_BUCKET - 1) / 8)!r}"


def latency_sql(buckets: Buckets, risen: Risen) -> str:
    """Count, mean and largest duration a bucket, from an hour or sixty buckets before the onset to the end."""
    last = buckets.range.buckets if risen.rise.end is None else min(risen.rise.end + 10, buckets.range.buckets)
    own = f"{risen.place.condition()}\n    AND "
    brief = evidence.operation_is(risen.kind, risen.operation)
    rolled = f"operation_kind = {literal(risen.kind)} AND operation = {literal(risen.operation)}"
    return buckets.shown(
        rolled="sum(events)::BIGINT AS events, round(sum(sum_ms) / sum(events), 2) AS mean_ms, max(max_ms) AS max_ms",
        counted="count(*) AS events, round(avg(duration_ms), 2) AS mean_ms, max(duration_ms) AS max_ms",
        relation="latency_minute",
        condition=own + (brief if buckets.brief else rolled),
        since=buckets.range.at(max(risen.rise.onset - 60, 0)),
        until=buckets.range.at(last),
    )

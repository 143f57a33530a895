"""`query_surge`: a query that is run more often for each request than it was, lastingly.

The logarithm of executions per request, in bins that hold enough of both, is searched for steps as latencies are: so a
busy hour is no surge, and neither is a night's job on its second night.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from logpipe.store.literals import literal
from logpipe_analysis import elevations, evidence, phrases
from logpipe_analysis.buckets import Buckets, Latency
from logpipe_analysis.deployments import Deployment, deployments, nearest
from logpipe_analysis.finding import Finding
from logpipe_analysis.findings import fingerprint
from logpipe_analysis.latency_series import Series, bin_factor, hours
from logpipe_analysis.place import Place
from logpipe_analysis.settings import LatencySettings, QuerySurgeSettings, StepSettings
from logpipe_analysis.statistics.steps import steps
from logpipe_analysis.together import together

Floats = npt.NDArray[np.float64]

_DAY = timedelta(days=1)
_LEVEL_DAYS = 3


@dataclass(frozen=True, slots=True)
class _Surge:
    """In buckets of the range; rates are executions a request."""

    place: Place
    operation: str
    onset: int
    end: int | None
    before: float
    after: float
    executions: float
    took_ms: float
    p_value: float

    @property
    def added(self) -> float:
        """Executions beyond what the rate before would have been."""
        return self.executions * (1 - self.before / self.after)


def detect(
    buckets: Buckets, settings: QuerySurgeSettings, latency: LatencySettings, found: StepSettings
) -> list[Finding]:
    """One finding for the queries of a service that grow together."""
    known = deployments(buckets)
    shape = replace(latency, min_ratio=settings.min_ratio)
    requests = dict(_requests(buckets))
    surges = [
        surge
        for place, series in buckets.operations(("db",), settings.min_executions)
        if place in requests
        for surge in _surges(place, series, requests[place], buckets.range.bucket, settings, shape, found)
    ]
    groups = together(surges, settings.together_buckets)
    return [_finding(buckets, settings, sorted(group, key=_weight), known) for group in groups]


def _weight(surge: _Surge) -> tuple[float, str]:
    """The one that adds most executions first."""
    return -surge.added, surge.operation


def _requests(buckets: Buckets) -> Iterator[tuple[Place, Floats]]:
    """The requests of each service that serves any, a bucket; what a worker does has no such measure."""
    asked = np.flatnonzero(buckets.cells.keys["operation_kind"] == "http")
    for (service, environment), keys in buckets.cells.by(("service", "environment"), asked).items():
        yield Place(str(service), environment), buckets.cells.series(keys)


def _surges(
    place: Place,
    latency: Latency,
    requests: Floats,
    bucket: timedelta,
    settings: QuerySurgeSettings,
    shape: LatencySettings,
    found: StepSettings,
) -> Iterator[_Surge]:
    executions, times = latency.events, requests[latency.first :]
    series = _series(executions, times, bucket, shape, found)
    if series is None:
        return
    for elevation in elevations.from_steps(series, shape):
        begin = int(series.rows[elevation.base]) * series.factor
        rough = int(series.rows[elevation.start]) * series.factor
        stop = len(executions) if elevation.end is None else int(series.rows[elevation.end]) * series.factor
        onset = _onset(executions, times, begin, rough, stop, 2 * series.factor + 2)
        before, after = (
            executions[one].sum() / max(times[one].sum(), 1) for one in (slice(begin, onset), slice(onset, stop))
        )
        surge = _Surge(
            place,
            latency.operation,
            latency.first + onset,
            None if elevation.end is None else latency.first + stop,
            float(before),
            float(after),
            float(executions[onset:stop].sum()),
            float(latency.sum_ms[onset:stop].sum()),
            elevation.p_value,
        )
        if after >= settings.min_ratio * before and surge.added >= settings.min_executions:
            yield surge


def _series(
    executions: Floats, requests: Floats, bucket: timedelta, shape: LatencySettings, found: StepSettings
) -> Series | None:
    """The logarithm of executions per request with its steps; None where there is too little of either."""
    factor = bin_factor(np.minimum(executions, requests), shape)
    if factor is None:
        return None
    run, asked = (np.add.reduceat(each, np.arange(0, len(each), factor)) for each in (executions, requests))
    rows = np.flatnonzero((asked >= shape.bin_events / 2) & (run > 0))
    per_day = int(_DAY / bucket / factor)
    if len(rows) < shape.min_bins:
        return None
    stepped = steps(
        np.log(run[rows] / asked[rows]),
        hours(rows, factor, bucket) if len(rows) >= shape.season_days * per_day else None,
        level_window=_LEVEL_DAYS * per_day + 1,
        **asdict(found),
    )
    return Series("rate", factor, rows, stepped.values, np.zeros(1), stepped.found)


def _onset(executions: Floats, requests: Floats, begin: int, rough: int, stop: int, near: int) -> int:
    """The bucket near `rough` at which the rate most likely turns (likelihood ratio of Poisson counts)."""
    first, last = max(rough - near, begin + 1), min(rough + near, stop - 1)
    before = executions[begin:first].sum() / max(requests[begin:first].sum(), 1.0)
    after = executions[last:stop].sum() / max(requests[last:stop].sum(), 1.0)
    if not 0 < before < after:
        return rough
    gain = executions[first:last] * np.log(after / before) - (after - before) * requests[first:last]
    return first + int(np.argmax(np.append(np.cumsum(gain[::-1])[::-1], 0.0)))


def _finding(
    buckets: Buckets, settings: QuerySurgeSettings, group: list[_Surge], known: Sequence[Deployment]
) -> Finding:
    lead, bucket = group[0], buckets.range.bucket
    start = buckets.range.at(lead.onset)
    end = None if lead.end is None else buckets.range.at(lead.end)
    length = (end or buckets.range.until) - start
    ratio = lead.after / lead.before
    deployment = nearest(list(known), lead.place.service, start, timedelta(minutes=settings.deployment_minutes))
    why = f" since the deployment of {deployment.version or 'a new version'}" if deployment else ""
    rest = f"; {len(group) - 1} more grew with it" if len(group) > 1 else ""
    query = phrases.shortened(lead.operation, 90)
    condition = evidence.of_operation(lead.place, "db", lead.operation, start, end or buckets.range.until)
    return Finding(
        kind="query_surge",
        severity="warning" if ratio >= settings.warning_ratio else "info",
        service=lead.place.service,
        environment=lead.place.environment,
        subject=lead.operation,
        started_at=start,
        ended_at=end,
        baseline=round(lead.before, 4),
        observed=round(lead.after, 4),
        unit="queries/request",
        score=round(lead.added, 2),
        confidence=round(1 - min(lead.p_value, 0.5), 4),
        title=phrases.shortened(f"{phrases.times(lead.after, lead.before)} as often a request: {query}"),
        explanation=(
            f"{lead.place.service}: “{query}” is run {phrases.number(lead.after)} times a request{why}, where "
            f"{phrases.number(lead.before)} was usual ({phrases.times(lead.after, lead.before)}): "
            f"{lead.executions:,.0f} executions in {phrases.duration(length)} took "
            f"{phrases.milliseconds(lead.took_ms)}{rest}; {phrases.span(start, end, bucket)}."
        ),
        evidence=evidence.examples(buckets.store, condition),
        sql=_sql(buckets, lead),
        fingerprint=fingerprint("query_surge", lead.place.service, lead.place.environment, lead.operation),
    )


def _sql(buckets: Buckets, lead: _Surge) -> str:
    """Executions, requests and their ratio a bucket, from an hour or sixty buckets before the onset."""
    own = f"operation_kind = 'db' AND operation = {literal(lead.operation)}"
    requests = "operation_kind = 'http'"
    if buckets.brief:
        own, requests = evidence.operation_is("db", lead.operation), "http_status IS NOT NULL OR http_route IS NOT NULL"
    counted = "count(*) FILTER ({})" if buckets.brief else "coalesce(sum(events) FILTER ({}), 0)::BIGINT"
    figures = (
        f"{counted.format(own)} AS executions, {counted.format(requests)} AS requests, "
        f"round({counted.format(own)} / nullif({counted.format(requests)}, 0), 3) AS runs"
    )
    last = buckets.range.buckets if lead.end is None else min(lead.end + 10, buckets.range.buckets)
    return buckets.shown(
        rolled=figures,
        counted=figures,
        relation="rollup_minute",
        condition=lead.place.condition(),
        since=buckets.range.at(max(lead.onset - 60, 0)),
        until=buckets.range.at(last),
    )

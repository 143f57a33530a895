"""`new_query`: a query that a service has never run before, and that takes a good share of its database time.

Never before is judged as for patterns, by chance: had the query always been there, spread as the service's queries are,
would all the buckets that show it fall after its first sight?
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from logpipe.store.literals import literal
from logpipe_analysis import evidence, phrases
from logpipe_analysis.buckets import Buckets, Durations
from logpipe_analysis.deployments import Deployment, deployments, nearest
from logpipe_analysis.finding import Finding
from logpipe_analysis.findings import fingerprint
from logpipe_analysis.place import Place
from logpipe_analysis.settings import NewQuerySettings
from logpipe_analysis.slow_logs import slow_logs
from logpipe_analysis.together import together


@dataclass(frozen=True, slots=True)
class _Query:
    place: Place
    operation: str
    before: int
    """Buckets from the first query of its service to its own onset."""
    onset: int
    last: int
    seen: int
    """Buckets that show it."""
    events: float
    total_ms: float
    share: float = 0.0
    """Of the service's database time since its first sight."""
    p_value: float = 1.0


def detect(buckets: Buckets, settings: NewQuerySettings, slow_log_ms: float) -> list[Finding]:
    """One finding for the new queries of a service that begin together.

    Where the fastest query took `slow_log_ms` the log holds slow ones only, and does not tell when a query was new.
    """
    known = deployments(buckets)
    groups = together(_new(buckets, settings, slow_log_ms), settings.together_buckets)
    return [_finding(buckets, settings, sorted(group, key=_weight), known) for group in groups]


def _weight(query: _Query) -> tuple[float, str]:
    """The one with the most time first."""
    return -query.total_ms, query.operation


def _new(buckets: Buckets, settings: NewQuerySettings, slow_log_ms: float) -> Iterator[_Query]:
    found = buckets.durations
    of_slow_ones = slow_logs(buckets, slow_log_ms)
    for place, numbers in found.by_place("db").items():
        onsets = {number: int(found.index[found.of(number)].min()) for number in numbers}
        first = min(onsets.values())
        late = [number for number, onset in onsets.items() if onset - first >= settings.warm_up_buckets]
        if not late or place in of_slow_ones:
            continue
        own = found.rows(numbers)
        events = np.bincount(found.index[own] - first, weights=found.events[own])
        time_ms = np.bincount(found.index[own] - first, weights=found.sum_ms[own])
        before = np.concatenate(([0.0], np.cumsum(events)))
        time_after = np.cumsum(time_ms[::-1])[::-1]
        for query in (_query(place, found, number, first) for number in late):
            start = query.before
            if query.operation == "other" or query.events < settings.min_executions:
                continue
            p_value = float(max(1 - before[start] / before[-1], 1e-12)) ** query.seen
            share = float(query.total_ms / max(time_after[start], 1e-9))
            if p_value <= settings.p_value and share >= settings.min_time_share:
                yield replace(query, share=share, p_value=p_value)


def _query(place: Place, found: Durations, number: int, first: int) -> _Query:
    """A query of a service whose first one ran in bucket `first`."""
    own = found.of(number)
    index = found.index[own]
    return _Query(
        place,
        str(found.operations["operation"].iloc[number]),
        int(index.min()) - first,
        int(index.min()),
        int(index.max()),
        len(np.unique(index)),
        float(found.events[own].sum()),
        float(found.sum_ms[own].sum(dtype=np.float64)),
    )


def _finding(buckets: Buckets, settings: NewQuerySettings, group: list[_Query], known: Sequence[Deployment]) -> Finding:
    lead, bucket = group[0], buckets.range.bucket
    start = buckets.range.at(lead.onset)
    lasts = lead.last + settings.quiet_buckets >= buckets.range.buckets
    end = None if lasts else buckets.range.at(lead.last + 1)
    length = (end or buckets.range.until) - start
    rate = lead.events / (length / timedelta(minutes=1))
    deployment = nearest(list(known), lead.place.service, start, timedelta(minutes=settings.deployment_minutes))
    why = f" at the deployment of {deployment.version or 'a new version'}" if deployment else ""
    rest = f"; {len(group) - 1} more began with it" if len(group) > 1 else ""
    query = phrases.shortened(lead.operation, 90)
    condition = evidence.of_operation(lead.place, "db", lead.operation, start, end or buckets.range.until)
    return Finding(
        kind="new_query",
        severity="warning" if lead.share >= settings.warning_time_share else "info",
        service=lead.place.service,
        environment=lead.place.environment,
        subject=lead.operation,
        started_at=start,
        ended_at=end,
        baseline=0.0,
        observed=round(rate, 4),
        unit="events/min",
        score=round(lead.total_ms / 1000, 2),
        confidence=round(1 - min(lead.p_value, 0.5), 4),
        title=phrases.shortened(f"new query: {query}"),
        explanation=(
            f"{lead.place.service}: a new query{why}, “{query}”: {lead.events:,.0f} executions in "
            f"{phrases.duration(length)} took {phrases.milliseconds(lead.total_ms)}, {lead.share:.0%} of the database "
            f"time, never in the {phrases.duration(lead.before * bucket)} before{rest}; "
            f"{phrases.span(start, end, bucket)}."
        ),
        evidence=evidence.examples(buckets.store, condition, order="-duration_ms"),
        sql=_sql(buckets, lead),
        fingerprint=fingerprint("new_query", lead.place.service, lead.place.environment, lead.operation),
    )


def _sql(buckets: Buckets, lead: _Query) -> str:
    """Executions and their time a bucket, from an hour or sixty buckets before the first."""
    own = f"{lead.place.condition()}\n    AND "
    return buckets.shown(
        rolled="sum(events)::BIGINT AS events, round(sum(sum_ms), 2) AS total_ms",
        counted="count(*) AS events, round(sum(duration_ms), 2) AS total_ms",
        relation="latency_minute",
        condition=own
        + (
            evidence.operation_is("db", lead.operation)
            if buckets.brief
            else f"operation_kind = 'db' AND operation = {literal(lead.operation)}"
        ),
        since=buckets.range.at(max(lead.onset - 60, 0)),
        until=buckets.range.at(min(lead.last + 10, buckets.range.buckets)),
    )

"""`slow_query`: a query that turned slow, for good or for a while; ranked by the time it adds.

A lasting slowdown is a rise of the query's latency. A short one, as behind a lock, is a burst: many more executions
far above the usual than the past explains. A log that holds slow executions only is judged by how many it holds.
"""

import numpy as np

from logpipe_analysis import phrases
from logpipe_analysis.buckets import Buckets
from logpipe_analysis.bursts import bursts, surges
from logpipe_analysis.detectors import latency as latencies
from logpipe_analysis.detectors.latency import Risen
from logpipe_analysis.finding import Finding, Severity
from logpipe_analysis.findings import fingerprint
from logpipe_analysis.place import Place
from logpipe_analysis.rises import Rise, figure, rises
from logpipe_analysis.settings import LatencySettings, SlowQuerySettings, StepSettings
from logpipe_analysis.slow_logs import slow_logs


def detect(
    buckets: Buckets, settings: SlowQuerySettings, latency: LatencySettings, steps: StepSettings
) -> list[Finding]:
    """One finding for the queries of a service that turned slow together; those that add most time first."""
    nothing = np.zeros(buckets.range.buckets, dtype=bool)
    bucket = buckets.range.bucket
    of_slow_ones = slow_logs(buckets, settings.slow_log_ms)
    began = {place: buckets.cells.first(keys) for place, keys in buckets.places() if place in of_slow_ones}
    risen = []
    for place, series in buckets.operations(("db",), settings.min_executions):
        if place in of_slow_ones:
            found = list(surges(series, began[place], of_slow_ones[place], bucket, settings))
        else:
            found = rises(series, nothing, bucket, latency, steps)
            short = bursts(series, bucket, settings)
            found += [burst for burst in short if not any(_close(burst, rise, buckets) for rise in found)]
        risen += [Risen(place, series.kind, series.operation, rise) for rise in found]
    findings = [_finding(buckets, group) for group in latencies.grouped(risen, latency)]
    return sorted(findings, key=lambda finding: -finding.score)


def _close(burst: Rise, rise: Rise, buckets: Buckets) -> bool:
    last = buckets.range.buckets
    return rise.onset - 10 < (burst.end or last) and burst.onset < (rise.end or last) + 10


def _finding(buckets: Buckets, group: list[Risen]) -> Finding:
    lead, bucket = group[0], buckets.range.bucket
    place, rise = lead.place, lead.rise
    start = buckets.range.at(rise.onset)
    end = None if rise.end is None else buckets.range.at(rise.end)
    share = rise.after.total_ms / max(_database_time(buckets, place, rise), rise.after.total_ms, 1e-9)
    query = phrases.shortened(lead.operation, 90)
    explanation = (
        f"{place.service}: “{query}” {_told(rise)}; {round(rise.after.events):,} executions added "
        f"{phrases.milliseconds(max(rise.added_ms(), 0))} and took {share:.0%} of the database time"
        f"{latencies.others(group)}; {phrases.span(start, end, bucket)}."
    )
    return Finding(
        kind="slow_query",
        severity=_severity(rise, share),
        service=place.service,
        environment=place.environment,
        subject=lead.operation,
        started_at=start,
        ended_at=end,
        baseline=round(figure(rise.before, rise.metric), 3),
        observed=round(figure(rise.after, rise.metric), 3),
        unit="ms",
        score=round(max(rise.added_ms(), 0.0) / 1000, 2),
        confidence=round(1 - min(rise.p_value, 0.5), 4),
        title=phrases.shortened(f"{phrases.times(rise.ratio(), 1)} slower ({rise.metric}): {query}"),
        explanation=explanation,
        evidence=latencies.slowest(buckets, lead),
        sql=latencies.latency_sql(buckets, lead),
        fingerprint=fingerprint("slow_query", place.service, place.environment, lead.operation),
    )


def _told(rise: Rise) -> str:
    if rise.expected is None:
        return f"{'grew slower' if rise.gradual else 'turned slow'}: {latencies.change(rise)}"
    return (
        f"turned slow: over {phrases.milliseconds(rise.before.p50_ms)} {round(rise.after.events):,} times where "
        f"{phrases.number(rise.expected)} were expected, p50 {phrases.milliseconds(rise.after.p50_ms)}"
    )


def _database_time(buckets: Buckets, place: Place, rise: Rise) -> float:
    """Milliseconds of all queries of the service while it lasts."""
    end = buckets.range.buckets if rise.end is None else rise.end
    every = buckets.durations
    own = every.rows(every.by_place("db")[place])
    inside = own[(every.index[own] >= rise.onset) & (every.index[own] < end)]
    return float(every.sum_ms[inside].sum(dtype=np.float64))


def _severity(rise: Rise, share: float) -> Severity:
    """By size, and by how much of the database's time it takes."""
    ratio = rise.ratio() if rise.expected is None else rise.after.events / max(rise.expected, 1.0)
    if ratio >= 3 and (rise.after.p95_ms >= 1000 or share >= 0.5):
        return "critical"
    return "warning" if ratio >= 1.5 else "info"

"""`slow_query`: a query that turned slow, for good or for a while; ranked by the time it adds.

A lasting slowdown is a rise of the query's latency. A short one, as behind a lock, is a burst: many more executions
far above the usual than the past explains. Executions are logged when they end, so a burst began as much earlier as
they took.
"""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from logpipe_analysis import phrases
from logpipe_analysis.buckets import Buckets, Latency, Place
from logpipe_analysis.detectors import latency as latencies
from logpipe_analysis.detectors.latency import Risen
from logpipe_analysis.finding import Finding, Severity
from logpipe_analysis.findings import fingerprint
from logpipe_analysis.rises import Rise, figure, level_of, rises
from logpipe_analysis.settings import LatencySettings, SlowQuerySettings, StepSettings
from logpipe_analysis.statistics import counts, histograms


def detect(
    buckets: Buckets, settings: SlowQuerySettings, latency: LatencySettings, steps: StepSettings
) -> list[Finding]:
    """One finding for the queries of a service that turned slow together; those that add most time first."""
    nothing = np.zeros(buckets.range.buckets, dtype=bool)
    risen = []
    for place, series in buckets.operations(("db",), settings.min_executions):
        lasting = rises(series, nothing, buckets.range.bucket, latency, steps)
        bursts = [burst for burst in _bursts(buckets, series, settings) if not _within(burst, lasting, buckets)]
        risen += [Risen(place, series.kind, series.operation, rise) for rise in (*lasting, *bursts)]
    findings = [_finding(buckets, group) for group in latencies.together(risen, latency)]
    return sorted(findings, key=lambda finding: -finding.score)


def _within(burst: Rise, lasting: list[Rise], buckets: Buckets) -> bool:
    end = burst.end or buckets.range.buckets
    return any(rise.onset - 10 < end and burst.onset < (rise.end or buckets.range.buckets) + 10 for rise in lasting)


def _bursts(buckets: Buckets, series: Latency, settings: SlowQuerySettings) -> Iterator[Rise]:
    """Stretches with far more slow executions than usual; slow is several times the usual p95."""
    events = series.events
    busy = events > 0
    usual = float(np.exp(np.nanmedian(histograms.log_quantile(series.histogram[busy], series.lowest, 0.95))))
    limit_ms = max(settings.slow_ratio * usual, settings.min_slow_ms)
    column = max(int(np.ceil(np.log(limit_ms) / histograms.LOG_WIDTH)) - series.lowest, 0)
    slow = series.histogram[:, column:].sum(axis=1)
    if slow.sum() < settings.min_slow:
        return
    judged = counts.excess(
        slow,
        events,
        history=max(timedelta(days=settings.history_days) // buckets.range.bucket, settings.min_history_buckets),
        min_history=settings.min_history_buckets,
        windows=settings.windows,
        cap_quantile=settings.cap_quantile,
    )
    hot = counts.surging(
        judged,
        slow,
        windows=settings.windows,
        p_value=settings.p_value,
        own_p_value=0.05,
        min_count=settings.min_slow,
        min_ratio=settings.slow_ratio,
    )
    for episode in counts.episodes(hot, settings.max_gap_buckets):
        taken = series.histogram[episode.start : episode.end].copy()
        taken[:, :column] = 0
        typical_ms = float(np.exp(histograms.log_quantile(taken.sum(axis=0, keepdims=True), series.lowest, 0.5)[0]))
        earlier = int(typical_ms / 1000 / buckets.range.bucket.total_seconds())
        onset = max(series.first + episode.start - earlier, 0)
        open_ended = episode.end + settings.max_gap_buckets >= len(events)
        after = level_of(series, episode.start, episode.end)
        before = level_of(series, 0, episode.start)
        p_value = float(judged.own[episode.start : episode.end].min())
        if after.total_ms - after.events * before.mean_ms >= settings.min_added_ms:
            end = None if open_ended else series.first + episode.end
            yield Rise(onset, end, False, "p95", before, after, p_value, 1.0)


def _finding(buckets: Buckets, group: list[Risen]) -> Finding:
    lead, bucket = group[0], buckets.range.bucket
    place, rise = lead.place, lead.rise
    start = buckets.range.at(rise.onset)
    end = None if rise.end is None else buckets.range.at(rise.end)
    share = rise.after.total_ms / max(_database_time(buckets, place, rise), rise.after.total_ms, 1e-9)
    query = phrases.shortened(lead.operation, 90)
    explanation = (
        f"{place.service}: “{query}” {'grew slower' if rise.gradual else 'turned slow'}: {latencies.change(rise)}; "
        f"{round(rise.after.events):,} executions added {phrases.milliseconds(max(rise.added_ms(), 0))} and took "
        f"{share:.0%} of the database time{latencies.others(group)}; {phrases.span(start, end, bucket)}."
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


def _database_time(buckets: Buckets, place: Place, rise: Rise) -> float:
    """Milliseconds of all queries of the service while it lasts."""
    end = buckets.range.buckets if rise.end is None else rise.end
    rows = buckets.store.execute(
        f"SELECT sum(sum_ms) FROM {buckets.latencies} "
        f"WHERE {place.condition()} AND operation_kind = 'db' AND i >= ? AND i < ?",
        [rise.onset, end],
    )
    return float(rows[0][0] or 0.0)


def _severity(rise: Rise, share: float) -> Severity:
    """By size, and by how much of the database's time it takes."""
    ratio = rise.ratio()
    if ratio >= 3 and (rise.after.p95_ms >= 1000 or share >= 0.5):
        return "critical"
    return "warning" if ratio >= 1.5 else "info"

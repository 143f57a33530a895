"""`new_pattern`: an error or warning that a service has never logged before.

Never before is judged by chance: had the pattern always been there, spread as the service's volume is, would all its
minutes fall after its first sight? What comes and goes with an error spike belongs to the spike.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from logpipe.record import ERROR_SEVERITY
from logpipe_analysis import pattern_series, phrases
from logpipe_analysis.buckets import MINUTE, Buckets
from logpipe_analysis.finding import Finding
from logpipe_analysis.findings import fingerprint
from logpipe_analysis.pattern_series import History, Minutes, Patterns, Rows
from logpipe_analysis.settings import NewPatternSettings

_NEW = "never logged before"


@dataclass(frozen=True, slots=True)
class _Pattern:
    service: str
    pattern_id: str
    template: str
    severity: int
    rows: Rows
    events: int
    minutes: int
    first_seen: datetime
    last_seen: datetime
    before: timedelta
    """The service's history before the first sight."""
    p_value: float


def detect(
    buckets: Buckets, history: History, settings: NewPatternSettings, spikes: Sequence[Finding]
) -> tuple[list[Finding], list[Finding]]:
    """The findings, and the spikes: with the new patterns that came and went with them named."""
    found, told = [], list(spikes)
    for pattern in _new(buckets, history, settings):
        host = next((i for i, spike in enumerate(told) if _belongs(buckets, history.minutes, pattern, spike)), None)
        if host is None:
            found.append(_finding(buckets, history.minutes, settings, pattern))
        elif _NEW not in told[host].explanation:
            said = told[host].explanation
            known = pattern.template.split(": ")[0] in said
            name = phrases.shortened(pattern.template)
            more = f"This message was {_NEW}." if known else f"Among them a message {_NEW}: “{name}”."
            told[host] = replace(told[host], explanation=f"{said} {more}")
    return found, told


def _new(buckets: Buckets, history: History, settings: NewPatternSettings) -> list[_Pattern]:
    """The earliest first."""
    before = pattern_series.seen_before(buckets.store, history.minutes.since)
    found = [
        pattern
        for patterns in history.services
        for pattern in _of_service(patterns, history.minutes, settings)
        if (pattern.service, pattern.pattern_id) not in before
    ]
    return sorted(found, key=lambda one: (one.first_seen, one.service, one.pattern_id))


def _of_service(patterns: Patterns, minutes: Minutes, settings: NewPatternSettings) -> Iterator[_Pattern]:
    volume = patterns.volume_by_minute(minutes)
    logged = np.flatnonzero(volume)
    warm = min(settings.warm_up_minutes, settings.warm_up_share * (logged[-1] - logged[0]))
    share_after = 1 - (np.cumsum(volume) - volume) / volume.sum()
    for at, (template, severity, rows) in enumerate(
        zip(patterns.templates, patterns.severities, patterns.rows, strict=True)
    ):
        first, events = int(rows.minute.min()), int(rows.events.sum())
        before = first - int(logged[0])
        if (
            severity < settings.min_severity
            or template in ("", "<*>")
            or events < settings.min_events
            or before < max(warm, 1)
        ):
            continue
        came, after = len(np.unique(rows.minute)), float(share_after[first])
        p_value = max(after, 1e-12) ** came
        burst = severity >= ERROR_SEVERITY and events >= settings.burst_events and events >= 3 * came
        if p_value <= settings.p_value or burst:
            yield _Pattern(
                patterns.service,
                patterns.ids[at],
                template,
                severity,
                rows,
                events,
                came,
                minutes.at(first),
                minutes.at(int(rows.minute.max())),
                before * MINUTE,
                min(p_value, after ** math.log2(events + 1)),
            )


def _belongs(buckets: Buckets, minutes: Minutes, pattern: _Pattern, spike: Finding) -> bool:
    """It began in the spike and is hardly seen outside of it."""
    slack = 3 * max(buckets.range.bucket, MINUTE)
    start, end = spike.started_at - slack, (spike.ended_at or buckets.range.until) + slack
    if spike.service != pattern.service or not start <= pattern.first_seen < end:
        return False
    first, stop = (-((minutes.since - moment) // MINUTE) for moment in (start, end))
    inside = (pattern.rows.minute >= first) & (pattern.rows.minute < stop)
    return int(pattern.rows.events[inside].sum()) >= 0.9 * pattern.events


def _finding(buckets: Buckets, minutes: Minutes, settings: NewPatternSettings, pattern: _Pattern) -> Finding:
    quiet = buckets.range.until - pattern.last_seen
    usual_gap = (pattern.last_seen - pattern.first_seen) / max(pattern.minutes - 1, 1)
    lasts = quiet <= max(settings.quiet_buckets * buckets.range.bucket, 5 * usual_gap)
    examples = pattern_series.examples(buckets, pattern.service, pattern.pattern_id, pattern.first_seen, minutes.until)
    # The minute of the roll-up is the beginning of it; the first example says it exactly.
    start = min((one.ts for one in examples), default=pattern.first_seen)
    end = None if lasts else pattern.last_seen + MINUTE
    length = max((end or buckets.range.until) - start, MINUTE)
    rate = pattern.events / (length / MINUTE)
    name = phrases.shortened(pattern.template, 120)
    is_error = pattern.severity >= ERROR_SEVERITY
    return Finding(
        kind="new_pattern",
        severity="warning" if is_error else "info",
        service=pattern.service,
        environment=None,
        subject=pattern.template,
        started_at=start,
        ended_at=end,
        baseline=0.0,
        observed=round(rate, 4),
        unit="events/min",
        score=round(-math.log10(max(pattern.p_value, 1e-300)), 2),
        confidence=round(1 - min(pattern.p_value, 0.5), 4),
        title=phrases.shortened(f"new {'error' if is_error else 'warning'}: {pattern.template}"),
        explanation=(
            f"{pattern.service}: a new {'error' if is_error else 'warning'}, “{name}”, {pattern.events:,} times in "
            f"{phrases.duration(length)}, never in the {phrases.duration(pattern.before)} before; "
            f"{phrases.span(start, end, buckets.range.bucket)}."
        ),
        evidence=examples,
        sql=pattern_series.shown(
            pattern.service,
            pattern.pattern_id,
            pattern.first_seen,
            min((end or buckets.range.until) + MINUTE, buckets.range.until),
        ),
        fingerprint=fingerprint("new_pattern", pattern.service, None, pattern.pattern_id),
    )

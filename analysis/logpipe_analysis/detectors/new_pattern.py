"""`new_pattern`: an error or warning that a service has never logged before.

Never before is judged by chance: had the pattern always been there, spread as the service's volume is, would all its
minutes fall after its first sight? What comes and goes with an error spike belongs to the spike.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from logpipe.record import ERROR_SEVERITY
from logpipe_analysis import pattern_series, phrases
from logpipe_analysis.buckets import Buckets
from logpipe_analysis.finding import Finding
from logpipe_analysis.findings import fingerprint
from logpipe_analysis.pattern_series import History, Minutes
from logpipe_analysis.patterns import KNOWN
from logpipe_analysis.settings import NewPatternSettings

_MINUTE = timedelta(minutes=1)
_NEW = "Never seen before"

_FIRST_SEEN = f"""
WITH volume AS (
    SELECT service, minute, sum(events) AS events,
        sum(sum(events)) OVER (PARTITION BY service ORDER BY minute) AS so_far,
        sum(sum(events)) OVER (PARTITION BY service) AS total,
        min(minute) OVER (PARTITION BY service) AS first_minute,
        max(minute) OVER (PARTITION BY service) AS last_minute
    FROM rollup_minute
    WHERE minute >= $since AND minute < $until -- a record with a wrong clock, years before, is no history
    GROUP BY service, minute
),
severe AS (
    SELECT DISTINCT service, into_id
    FROM pattern_minute JOIN {KNOWN} USING (pattern_id)
    WHERE minute < $until AND severity >= $severity AND NOT muted
),
seen AS (
    SELECT service, into_id AS pattern_id, any_value(template) AS template, max(severity) AS severity,
        min(minute) AS first_seen, max(minute) AS last_seen, sum(events)::BIGINT AS events,
        count(DISTINCT minute) AS minutes
    FROM pattern_minute JOIN {KNOWN} USING (pattern_id) SEMI JOIN severe USING (service, into_id)
    WHERE minute < $until
    GROUP BY service, into_id
    HAVING sum(events) >= $least
)
SELECT seen.service, pattern_id, template, severity, seen.events, minutes, epoch_us(first_seen), epoch_us(last_seen),
    epoch(first_seen - first_minute) AS before_s, epoch(last_minute - first_minute) AS span_s,
    (1 - (so_far - volume.events) / total)::DOUBLE AS share_after
FROM seen
JOIN volume ON volume.service = seen.service AND volume.minute = first_seen
WHERE first_seen >= $since AND template <> '<*>'
ORDER BY first_seen, seen.service, pattern_id
"""


@dataclass(frozen=True, slots=True)
class _Pattern:
    service: str
    pattern_id: str
    template: str
    severity: int
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
    for pattern in _new(buckets, history.minutes.until, settings):
        host = next((i for i, spike in enumerate(told) if _belongs(buckets, history.minutes, pattern, spike)), None)
        if host is None:
            found.append(_finding(buckets, history.minutes, settings, pattern))
        elif _NEW not in told[host].explanation:
            said = told[host].explanation
            known = pattern.template.split(": ")[0] in said
            name = "" if known else f": “{phrases.shortened(pattern.template)}”"
            told[host] = replace(told[host], explanation=f"{said} {_NEW}{name}.")
    return found, told


def _new(buckets: Buckets, until: datetime, settings: NewPatternSettings) -> list[_Pattern]:
    rows = buckets.store.execute(
        _FIRST_SEEN,
        {
            "since": buckets.range.since,
            "until": until,
            "severity": settings.min_severity,
            "least": settings.min_events,
        },
    )
    patterns = []
    for service, pattern_id, template, severity, events, minutes, first_us, last_us, before_s, span_s, after in rows:
        warm_s = min(settings.warm_up_minutes * 60, settings.warm_up_share * span_s)
        if before_s < warm_s or before_s <= 0:
            continue
        p_value = max(after, 1e-12) ** minutes
        burst = severity >= ERROR_SEVERITY and events >= settings.burst_events and events >= 3 * minutes
        if p_value <= settings.p_value or burst:
            first_seen, last_seen = (datetime.fromtimestamp(us / 1e6, UTC) for us in (first_us, last_us))
            patterns.append(
                _Pattern(
                    service,
                    pattern_id,
                    template,
                    severity,
                    events,
                    minutes,
                    first_seen,
                    last_seen,
                    timedelta(seconds=before_s),
                    min(p_value, after ** math.log2(events + 1)),
                )
            )
    return patterns


def _belongs(buckets: Buckets, minutes: Minutes, pattern: _Pattern, spike: Finding) -> bool:
    """It began in the spike and is hardly seen outside of it."""
    slack = 3 * max(buckets.range.bucket, _MINUTE)
    end = spike.ended_at or buckets.range.until
    if spike.service != pattern.service or not spike.started_at - slack <= pattern.first_seen < end + slack:
        return False
    rows = buckets.store.execute(
        f"SELECT coalesce(sum(events) FILTER (minute >= ? AND minute < ?), 0)::BIGINT FROM pattern_minute "
        f"JOIN {KNOWN} USING (pattern_id) WHERE service = ? AND into_id = ? AND minute < ?",
        [spike.started_at - slack, end + slack, pattern.service, pattern.pattern_id, minutes.until],
    )
    return int(rows[0][0]) >= 0.9 * pattern.events


def _finding(buckets: Buckets, minutes: Minutes, settings: NewPatternSettings, pattern: _Pattern) -> Finding:
    quiet = buckets.range.until - pattern.last_seen
    usual_gap = (pattern.last_seen - pattern.first_seen) / max(pattern.minutes - 1, 1)
    lasts = quiet <= max(settings.quiet_buckets * buckets.range.bucket, 5 * usual_gap)
    examples = pattern_series.examples(buckets, pattern.service, pattern.pattern_id, pattern.first_seen, minutes.until)
    # The minute of the roll-up is the beginning of it; the first example says it exactly.
    start = min((one.ts for one in examples), default=pattern.first_seen)
    end = None if lasts else pattern.last_seen + _MINUTE
    length = max((end or buckets.range.until) - start, _MINUTE)
    rate = pattern.events / (length / _MINUTE)
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
            min((end or buckets.range.until) + _MINUTE, buckets.range.until),
        ),
        fingerprint=fingerprint("new_pattern", pattern.service, None, pattern.pattern_id),
    )

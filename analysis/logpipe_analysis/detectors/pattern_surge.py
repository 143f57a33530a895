"""`pattern_surge`: a pattern that comes far more often than it did, in itself and beside what else its service logs.

Judged as errors are (see `statistics.counts`), against time and against the rest of the service, whichever expects
more: neither a busy hour nor the silence of others is a surge. What came so often before is none; and what surges
together in a service, or with an error spike, is one finding. What was held up by a silence and then comes at once is
told by the silence.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from logpipe_analysis import pattern_series, phrases
from logpipe_analysis.buckets import MINUTE, Buckets, Floats
from logpipe_analysis.finding import Finding
from logpipe_analysis.findings import fingerprint
from logpipe_analysis.pattern_series import History, Minutes, Patterns, Rows
from logpipe_analysis.settings import PatternSurgeSettings
from logpipe_analysis.statistics import counts
from logpipe_analysis.statistics.counts import Excess
from logpipe_analysis.statistics.episodes import episodes

_WARNING = 13


@dataclass(frozen=True, slots=True)
class _Candidate:
    service: str
    pattern_id: str
    template: str
    severity: int
    rows: Rows
    score: float


@dataclass(frozen=True, slots=True)
class _Surge:
    """An episode, in minutes of the range."""

    candidate: _Candidate
    start: int
    end: int
    events: float
    expected: float
    p_value: float
    share: float
    """Of the service's events meanwhile."""


def detect(
    buckets: Buckets, history: History, settings: PatternSurgeSettings, others: Sequence[Finding]
) -> list[Finding]:
    """One finding for each service and stretch; none near an error spike or a silence, which are the `others`."""
    minutes = history.minutes
    found = [one for patterns in history.services for one in _candidates(patterns, minutes, settings)]
    chosen = sorted(found, key=lambda one: (-one.score, one.service, one.pattern_id))[: settings.max_candidates]
    wanted = {candidate.service for candidate in chosen}
    volumes = {one.service: one.volume_by_minute(minutes) for one in history.services if one.service in wanted}
    surges = [
        surge
        for candidate in chosen
        for surge in _surges(minutes, settings, candidate, volumes[candidate.service])
        if not _is_told(minutes, surge, others, settings)
    ]
    return [_finding(buckets, minutes, settings, group) for group in _grouped(surges, settings.max_gap_minutes)]


def _candidates(patterns: Patterns, minutes: Minutes, settings: PatternSurgeSettings) -> Iterator[_Candidate]:
    """Those with a bin that is out of line; a cheap look at all of them."""
    others, totals = patterns.volume - patterns.events, patterns.events.sum(axis=1, keepdims=True)
    share = others / np.maximum(others.sum(axis=1, keepdims=True), 1.0)
    expected = totals * np.maximum(share, 1 / others.shape[1])
    over = patterns.events - expected
    least = settings.min_events / 2 * min(1.0, minutes.per_bin / settings.windows[-1])
    score = np.where(over >= least, over / np.sqrt(expected + 1.0), 0.0).max(axis=1)
    for at in map(int, np.flatnonzero(score > settings.candidate_score)):
        if patterns.templates[at] not in ("", "<*>"):
            yield _Candidate(
                patterns.service,
                patterns.ids[at],
                patterns.templates[at],
                patterns.severities[at],
                patterns.rows[at],
                float(score[at]),
            )


def _surges(
    minutes: Minutes, settings: PatternSurgeSettings, candidate: _Candidate, volume: Floats
) -> Iterator[_Surge]:
    events = candidate.rows.by_minute(minutes)
    first = int(np.flatnonzero(events)[0])
    own, total = events[first:], volume[first:]
    judged = _judged(own, total - own, settings)
    hot = counts.surging(
        judged,
        own,
        windows=settings.windows,
        p_value=settings.p_value,
        own_p_value=settings.own_p_value,
        min_count=settings.min_events,
        min_ratio=settings.min_ratio,
    )
    for episode in episodes(hot, settings.max_gap_minutes):
        inside = slice(episode.start, episode.end)
        observed = float(own[inside].sum())
        before = counts.window_sum(own, episode.end - episode.start)[: episode.start]
        if observed >= settings.min_precedent_ratio * before.max(initial=0.0):
            yield _Surge(
                candidate,
                first + episode.start,
                first + episode.end,
                observed,
                float(judged.expected[inside].sum()),
                float(np.nanmin(judged.p_values[:, inside], initial=1.0)),
                observed / max(float(total[inside].sum()), 1.0),
            )


def _judged(own: Floats, others: Floats, settings: PatternSurgeSettings) -> Excess:
    """By what else the service logs and by time, whichever finds less."""
    by_volume, by_time = (
        counts.excess(
            own,
            volume,
            history=settings.history_days * 1440,
            min_history=settings.warm_up_minutes,
            windows=settings.windows,
            cap_quantile=settings.cap_quantile,
        )
        for volume in (others, np.ones_like(others))
    )
    return replace(
        by_time,
        p_values=np.maximum(by_volume.p_values, by_time.p_values),
        own=np.maximum(by_volume.own, by_time.own),
        expected=np.maximum(by_volume.expected, by_time.expected),
    )


def _is_told(minutes: Minutes, surge: _Surge, others: Sequence[Finding], settings: PatternSurgeSettings) -> bool:
    slack = timedelta(minutes=settings.max_gap_minutes)
    start, end = minutes.at(surge.start), minutes.at(surge.end)
    return any(
        other.service == surge.candidate.service
        and other.started_at - slack < end
        and start < (other.ended_at or minutes.until) + slack
        for other in others
    )


def _grouped(surges: Sequence[_Surge], max_gap: int) -> Iterator[list[_Surge]]:
    """What overlaps within a service, or nearly so; the surge with the most excess first."""
    for service in sorted({surge.candidate.service for surge in surges}):
        own = [surge for surge in surges if surge.candidate.service == service]
        raised = np.zeros(max(surge.end for surge in own), dtype=bool)
        for surge in own:
            raised[surge.start : surge.end] = True
        for episode in episodes(raised, max_gap):
            inside = [surge for surge in own if surge.start < episode.end and episode.start < surge.end]
            yield sorted(inside, key=lambda surge: (surge.expected - surge.events, surge.candidate.pattern_id))


def _finding(buckets: Buckets, minutes: Minutes, settings: PatternSurgeSettings, group: list[_Surge]) -> Finding:
    """The surge with the most excess speaks for its group."""
    lead, candidate = group[0], group[0].candidate
    start = minutes.at(lead.start)
    lasts = lead.end + settings.max_gap_minutes >= minutes.count
    stop = minutes.until if lasts else minutes.at(lead.end)
    others = (
        f", with {len(group) - 1} other patterns" if len(group) > 2 else ", with another pattern" * (len(group) > 1)
    )
    template = phrases.shortened(candidate.template, 120)
    length = lead.end - lead.start
    return Finding(
        kind="pattern_surge",
        severity="warning" if candidate.severity >= _WARNING else "info",
        service=candidate.service,
        environment=None,
        subject=candidate.template,
        started_at=start,
        ended_at=None if lasts else stop,
        baseline=round(lead.expected / length, 4),
        observed=round(lead.events / length, 4),
        unit="events/min",
        score=round(-math.log10(max(lead.p_value, 1e-300)), 2),
        confidence=round(1 - min(lead.p_value, 0.5), 4),
        title=phrases.shortened(
            f"{candidate.service}: {phrases.times(lead.events, lead.expected)} of “{candidate.template}”"
        ),
        explanation=(
            f"{candidate.service}: “{template}” {phrases.number(lead.events)} times in "
            f"{phrases.duration(length * MINUTE)} where {phrases.number(lead.expected)} were expected "
            f"({phrases.times(lead.events, lead.expected)}), {lead.share:.0%} of what the service logged{others}; "
            f"{phrases.span(start, None if lasts else stop, buckets.range.bucket)}."
        ),
        evidence=pattern_series.examples(buckets, candidate.service, candidate.pattern_id, start, stop),
        sql=pattern_series.shown(candidate.service, candidate.pattern_id, _before(minutes, start), stop),
        fingerprint=fingerprint("pattern_surge", candidate.service, None, candidate.pattern_id),
    )


def _before(minutes: Minutes, start: datetime) -> datetime:
    """An hour of what was usual."""
    return max(minutes.since, start - timedelta(hours=1))

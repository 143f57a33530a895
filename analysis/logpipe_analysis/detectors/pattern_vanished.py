"""`pattern_vanished`: something that a service said steadily, and does not say any more while it goes on.

What was to be expected in a gap is the share that the pattern had of its service before, times what the service logged
in the gap. A pattern that comes in bursts, or was as silent before, has not vanished; nor has an error or a warning
whose cause is gone.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from logpipe_analysis import pattern_series, phrases
from logpipe_analysis.buckets import MINUTE, Buckets, Floats
from logpipe_analysis.finding import Finding
from logpipe_analysis.findings import fingerprint
from logpipe_analysis.pattern_series import History, Minutes, Patterns, Rows
from logpipe_analysis.settings import PatternVanishedSettings

_WARNING = 13


@dataclass(frozen=True, slots=True)
class _Gap:
    """A stretch of bins without the pattern; by minutes, once it is looked at closely."""

    service: str
    pattern_id: str
    template: str
    rows: Rows
    start: int
    end: int | None
    """None where the range ends in it."""
    before: int
    """Where the history begins that it is judged by."""
    expected: float
    dispersion: float

    @property
    def p_value(self) -> float:
        """Of no event under a negative binomial."""
        return float((1.0 + self.dispersion * self.expected) ** (-1.0 / self.dispersion))


def detect(
    buckets: Buckets, history: History, settings: PatternVanishedSettings, silences: Sequence[Finding]
) -> list[Finding]:
    """One finding for each service and onset; none that a silence of the service tells."""
    minutes = history.minutes
    found: list[Finding] = []
    for patterns in history.services:
        gaps = [_closely(minutes, gap) for gap in _gaps(patterns, minutes, settings)]
        told = [gap for gap in gaps if not _is_told(minutes, gap, silences, settings)]
        found += [_finding(buckets, minutes, group) for group in _together(told, settings.together_minutes)]
    return found


def _gaps(patterns: Patterns, minutes: Minutes, settings: PatternVanishedSettings) -> Iterator[_Gap]:
    volume = patterns.volume
    for at in range(len(patterns.ids)):
        if patterns.severities[at] < _WARNING and patterns.templates[at] not in ("", "<*>"):
            for start, end, before, expected, dispersion in _silent(patterns.events[at], volume, minutes, settings):
                ended = None if end == len(volume) else end
                gap = _Gap(
                    patterns.service,
                    patterns.ids[at],
                    patterns.templates[at],
                    patterns.rows[at],
                    start,
                    ended,
                    before,
                    expected,
                    dispersion,
                )
                if gap.p_value <= settings.p_value:
                    yield gap


def _silent(
    events: Floats, volume: Floats, minutes: Minutes, settings: PatternVanishedSettings
) -> Iterator[tuple[int, int, int, float, float]]:
    """The gaps that are long for the pattern: bins from and to, where it began, what was expected, its dispersion."""
    present = np.flatnonzero(events)
    ends = np.append(present[1:], len(events))
    lengths = ends - present - 1
    so_far = np.concatenate(([0.0], np.cumsum(volume)))
    first = int(present[0])
    total = np.cumsum(events[present])
    expected = (so_far[ends] - so_far[present + 1]) * total / np.maximum(so_far[present + 1] - so_far[first], 1.0)
    longest = np.concatenate(([0], np.maximum.accumulate(lengths)[:-1]))
    history = (present + 1 - first) * minutes.per_bin
    chosen = (
        (expected >= settings.min_expected)
        & (lengths * minutes.per_bin >= settings.min_minutes)
        & (lengths >= settings.min_gap_ratio * np.maximum(longest, 1))
        & (history >= settings.warm_up_minutes)
    )
    for gap in np.flatnonzero(chosen):
        start, end = int(present[gap]) + 1, int(ends[gap])
        before = slice(first, start)
        yield start, end, first, float(expected[gap]), _dispersion(events[before], volume[before], settings)


def _dispersion(events: Floats, volume: Floats, settings: PatternVanishedSettings) -> float:
    """Alpha of Var = mean + alpha * mean^2, over bins that are put together until they hold ten events each."""
    width = max(1, math.ceil(10 * len(events) / max(float(events.sum()), 1.0)))
    edges = np.arange(0, len(events), width)
    counted, shape = np.add.reduceat(events, edges), np.add.reduceat(volume, edges)
    mean = shape * counted.sum() / max(float(shape.sum()), 1.0)
    surplus = float(((counted - mean) ** 2 - mean).sum() / max(float((mean**2).sum()), 1e-12))
    return max(settings.dispersion, surplus)


def _closely(minutes: Minutes, gap: _Gap) -> _Gap:
    """The gap by minutes."""
    seen = np.unique(gap.rows.minute)
    start = int(seen[seen < gap.start * minutes.per_bin][-1]) + 1
    later = seen[seen >= start]
    end = int(later[0]) if len(later) else None
    return replace(gap, start=start, end=end, before=gap.before * minutes.per_bin)


def _is_told(minutes: Minutes, gap: _Gap, silences: Sequence[Finding], settings: PatternVanishedSettings) -> bool:
    slack = timedelta(minutes=settings.together_minutes)
    start, end = minutes.at(gap.start), minutes.until if gap.end is None else minutes.at(gap.end)
    return any(
        silence.service == gap.service
        and silence.started_at - slack <= end
        and start <= (silence.ended_at or minutes.until) + slack
        for silence in silences
    )


def _together(gaps: Sequence[_Gap], within: int) -> Iterator[list[_Gap]]:
    """Gaps that begin near each other; the one that misses most first."""
    group: list[_Gap] = []
    for gap in sorted(gaps, key=lambda one: (one.start, one.pattern_id)):
        if group and gap.start - group[-1].start > within:
            yield sorted(group, key=lambda one: (-one.expected, one.pattern_id))
            group = []
        group.append(gap)
    if group:
        yield sorted(group, key=lambda one: (-one.expected, one.pattern_id))


def _finding(buckets: Buckets, minutes: Minutes, group: list[_Gap]) -> Finding:
    gap = group[0]
    start, end = minutes.at(gap.start), None if gap.end is None else minutes.at(gap.end)
    length = (end or minutes.until) - start
    rate = gap.expected / (length / MINUTE)
    since = max(minutes.at(gap.before), start - timedelta(hours=1))
    template = phrases.shortened(gap.template, 120)
    others = f", nor {len(group) - 1} other patterns" if len(group) > 2 else ", nor another pattern" * (len(group) > 1)
    return Finding(
        kind="pattern_vanished",
        severity="info",
        service=gap.service,
        environment=None,
        subject=gap.template,
        started_at=start,
        ended_at=end,
        baseline=round(rate, 4),
        observed=0.0,
        unit="events/min",
        score=round(-math.log10(max(gap.p_value, 1e-300)), 2),
        confidence=round(1 - min(gap.p_value, 0.5), 4),
        title=phrases.shortened(f"{gap.service}: no more “{gap.template}”"),
        explanation=(
            f"{gap.service}: “{template}” did not come for {phrases.duration(length)}{others}, "
            f"where {phrases.number(gap.expected)} were expected by what else the service logged; "
            f"{phrases.span(start, end, buckets.range.bucket)}."
        ),
        evidence=pattern_series.examples(buckets, gap.service, gap.pattern_id, since, start, newest=True),
        sql=pattern_series.shown(gap.service, gap.pattern_id, since, end + MINUTE if end else minutes.until),
        fingerprint=fingerprint("pattern_vanished", gap.service, None, gap.pattern_id),
    )

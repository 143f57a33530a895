"""`error_spike`: more errors than the volume and the past explain.

Cells are judged one by one (`error_cells`); what overlaps in time within a service is one finding. Which of them are
findings is decided over all cells together, so that a stated share of the findings is false.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from logpipe_analysis import evidence, phrases, spikes
from logpipe_analysis.buckets import Buckets, Place
from logpipe_analysis.causes import Causes
from logpipe_analysis.detectors.error_cells import ErrorCell, error_cells
from logpipe_analysis.evidence import ERRORS, LOGGED, SERVED
from logpipe_analysis.finding import Finding, Severity
from logpipe_analysis.findings import fingerprint
from logpipe_analysis.settings import ErrorSpikeSettings
from logpipe_analysis.statistics.episodes import Episode, episodes

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Surge:
    """An episode of one cell, in buckets of the range."""

    cell: ErrorCell
    start: int
    end: int
    errors: float
    expected: float
    p_value: float
    """How often such a thing comes by chance: episodes a bucket."""
    false_share: float
    """Of the findings as improbable as this one."""

    @property
    def excess(self) -> float:
        return self.errors - self.expected


def detect(buckets: Buckets, settings: ErrorSpikeSettings) -> list[Finding]:
    """One finding for each service and episode."""
    cells = list(error_cells(buckets, settings))
    if not cells:
        return []
    history = max(settings.history_days * _DAY // buckets.range.bucket, settings.min_history_buckets)
    judged = [spikes.judge(cell.errors, cell.volume, history=history, settings=settings) for cell in cells]
    places = sorted({cell.place for cell in cells}, key=str)
    decided = spikes.decide(judged, [places.index(cell.place) for cell in cells], history=history, settings=settings)
    surges = [
        _Surge(
            cell,
            cell.first + found.start,
            cell.first + found.end,
            errors=float(cell.errors[found.start : found.end].sum()),
            expected=found.expected,
            p_value=found.p_value,
            false_share=found.false_share,
        )
        for cell, its_spikes in zip(cells, decided, strict=True)
        for found in its_spikes
    ]
    return [_finding(buckets, settings, group) for group in _grouped(surges, settings.max_gap_buckets)]


def _grouped(surges: Sequence[_Surge], max_gap: int) -> Iterator[list[_Surge]]:
    """What overlaps within a service, or nearly so; the surge with the most excess first."""
    places = {surge.cell.place for surge in surges}
    for place in sorted(places, key=str):
        own = [surge for surge in surges if surge.cell.place == place]
        raised = np.zeros(max(surge.end for surge in own), dtype=bool)
        for surge in own:
            raised[surge.start : surge.end] = True
        for episode in episodes(raised, max_gap):
            inside = [surge for surge in own if _overlaps(surge, episode)]
            yield sorted(inside, key=lambda surge: (-surge.excess, surge.cell.name or ""))


def _overlaps(surge: _Surge, episode: Episode) -> bool:
    return surge.start < episode.end and episode.start < surge.end


def _finding(buckets: Buckets, settings: ErrorSpikeSettings, group: list[_Surge]) -> Finding:
    """The surge with the most excess speaks for its group."""
    lead, place, bucket = group[0], group[0].cell.place, buckets.range.bucket
    start = buckets.range.at(lead.start)
    lasts = lead.end + settings.max_gap_buckets >= buckets.range.buckets
    stop = buckets.range.until if lasts else buckets.range.at(lead.end)
    length = stop - start
    minutes = length / timedelta(minutes=1)
    causes = Causes.of(buckets, place, start, length)
    subject = causes.operation or causes.exception or lead.cell.name
    explanation = (
        f"{place.service}: {phrases.number(lead.errors)} errors in {phrases.duration(length)} where "
        f"{phrases.number(lead.expected)} were expected ({phrases.times(lead.errors, lead.expected)})"
        f"{causes.told(lead.cell.name)}; {phrases.span(start, None if lasts else stop, bucket)}."
    )
    condition = f"{place.condition()} AND {evidence.within(start, stop)} AND {ERRORS}"
    return Finding(
        kind="error_spike",
        severity=_severity(lead),
        service=place.service,
        environment=place.environment,
        subject=subject,
        started_at=start,
        ended_at=None if lasts else stop,
        baseline=round(lead.expected / minutes, 4),
        observed=round(lead.errors / minutes, 4),
        unit="errors/min",
        score=round(-math.log10(max(lead.p_value, 1e-300)), 2),
        confidence=round(1 - min(surge.false_share for surge in group), 4),
        title=phrases.shortened(
            f"{place.service}: errors {phrases.times(lead.errors, lead.expected)}, {subject or 'all'}"
        ),
        explanation=explanation,
        evidence=evidence.examples(buckets.store, condition),
        sql=_sql(buckets, place, lead),
        # Without the subject: as an incident grows another operation may lead, and it is still the same incident.
        fingerprint=fingerprint("error_spike", place.service, place.environment),
    )


def _severity(lead: _Surge) -> Severity:
    volume = float(lead.cell.volume[lead.start - lead.cell.first : lead.end - lead.cell.first].sum())
    if lead.errors >= 50 and (lead.errors >= 5 * lead.expected or lead.errors >= 0.2 * volume):
        return "critical"
    return "warning" if lead.excess >= 10 else "info"


def _sql(buckets: Buckets, place: Place, lead: _Surge) -> str:
    """Errors and events a bucket, from an hour or sixty buckets before the onset to a little after the end."""
    since = buckets.range.at(max(lead.start - 60, 0))
    until = buckets.range.at(min(lead.end + 5, buckets.range.buckets))
    return buckets.shown(
        rolled=f"greatest({LOGGED}, {SERVED})::BIGINT AS errors, sum(events)::BIGINT AS events",
        counted="greatest(count(*) FILTER (severity >= 17), count(*) FILTER (http_status >= 500)) AS errors, "
        "count(*) AS events",
        relation="rollup_minute",
        condition=place.condition(),
        since=since,
        until=until,
    )

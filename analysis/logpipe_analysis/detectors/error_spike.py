"""`error_spike`: more errors than the volume and the past explain.

Cells are judged one by one (`error_cells`); what overlaps in time within a service is one finding. Which of them are
findings is decided over all cells together, so that a stated share of the findings is false.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import numpy as np

from logpipe_analysis import evidence, phrases, spikes
from logpipe_analysis.buckets import Buckets
from logpipe_analysis.causes import Causes
from logpipe_analysis.detectors.error_cells import ErrorCell, error_cells
from logpipe_analysis.detectors.error_statement import statement
from logpipe_analysis.evidence import ERRORS
from logpipe_analysis.finding import Finding, Severity
from logpipe_analysis.findings import fingerprint
from logpipe_analysis.settings import ErrorSpikeSettings
from logpipe_analysis.spikes import Judged, Spike
from logpipe_analysis.statistics.episodes import Episode, episodes

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Surge:
    """An episode of one cell, in buckets of the range."""

    cell: ErrorCell
    spike: Spike
    errors: float

    @property
    def start(self) -> int:
        return self.cell.first + self.spike.start

    @property
    def end(self) -> int:
        return self.cell.first + self.spike.end

    @property
    def excess(self) -> float:
        return self.errors - self.spike.expected


def detect(buckets: Buckets, settings: ErrorSpikeSettings) -> list[Finding]:
    """One finding for each service and episode."""
    settings = replace(settings, max_gap_buckets=settings.gap_buckets(buckets.range.bucket))
    cells = list(error_cells(buckets, settings))
    if not cells:
        return []
    history = max(settings.history_days * _DAY // buckets.range.bucket, settings.min_history_buckets)
    places = sorted({cell.place for cell in cells}, key=str)
    decided = spikes.decide(
        [partial(_judged, cell, history, settings) for cell in cells],
        [places.index(cell.place) for cell in cells],
        length=buckets.range.buckets,
        history=history,
        settings=settings,
    )
    surges = [
        _Surge(cell, spike, float(cell.errors()[spike.start : spike.end].sum()))
        for cell, its_spikes in zip(cells, decided, strict=True)
        for spike in its_spikes
    ]
    return [_finding(buckets, settings, group) for group in _grouped(surges, settings.max_gap_buckets)]


def _judged(cell: ErrorCell, history: int, settings: ErrorSpikeSettings) -> Judged:
    return spikes.judge(cell.errors(), cell.volume(), history=history, settings=settings)


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
    """The surge with the most excess speaks for its group, from its onset until the last of them is over."""
    lead, place, bucket = group[0], group[0].cell.place, buckets.range.bucket
    end = max(surge.end for surge in group)
    length_buckets = end - lead.start
    errors = float(lead.cell.errors()[lead.spike.start :][:length_buckets].sum())
    expected = float(lead.spike.usual[:length_buckets].sum())
    start = buckets.range.at(lead.start)
    lasts = end + settings.max_gap_buckets >= buckets.range.buckets
    stop = buckets.range.until if lasts else buckets.range.at(end)
    length = stop - start
    minutes = length / timedelta(minutes=1)
    causes = Causes.of(buckets, place, start, length)
    subject = causes.operation or causes.exception or lead.cell.name
    explanation = (
        f"{place.service}: {phrases.number(errors)} errors in {phrases.duration(length)} where "
        f"{phrases.number(expected)} were expected ({phrases.times(errors, expected)})"
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
        baseline=round(expected / minutes, 4),
        observed=round(errors / minutes, 4),
        unit="errors/min",
        score=round(-math.log10(max(lead.spike.p_value, 1e-300)), 2),
        confidence=round(1 - min(surge.spike.false_share for surge in group), 4),
        title=phrases.shortened(f"{place.service}: errors {phrases.times(errors, expected)}, {subject or 'all'}"),
        explanation=explanation,
        evidence=evidence.examples(buckets.store, condition),
        sql=statement(buckets, lead.cell, lead.start, end),
        # Without the subject: as an incident grows another operation may lead, and it is still the same incident.
        fingerprint=fingerprint("error_spike", place.service, place.environment),
    )


def _severity(lead: _Surge) -> Severity:
    """By its own episode; a share of time is no share of requests."""
    many = lead.errors >= 5 * lead.spike.expected
    if not (many or lead.cell.timed):
        many = lead.errors >= 0.2 * float(lead.cell.volume()[lead.spike.start : lead.spike.end].sum())
    if many and lead.errors >= 50:
        return "critical"
    return "warning" if lead.excess >= 10 else "info"

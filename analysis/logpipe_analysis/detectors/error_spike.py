"""`error_spike`: more errors than the volume and the past explain.

Cells are a service as a whole, each of its streams and each of its operations; what overlaps in time within a service
is one finding. Errors are records of severity ERROR or above, or responses of status 500 or above, whichever are more:
a request that fails is often logged as both.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from logpipe_analysis import evidence, phrases
from logpipe_analysis.buckets import Buckets, Place, by_place
from logpipe_analysis.causes import Causes
from logpipe_analysis.evidence import ERRORS, LOGGED, SERVED
from logpipe_analysis.finding import Finding, Severity
from logpipe_analysis.findings import fingerprint
from logpipe_analysis.settings import ErrorSpikeSettings
from logpipe_analysis.statistics import counts
from logpipe_analysis.statistics.counts import Episode

Floats = npt.NDArray[np.float64]
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Cell:
    place: Place
    name: str | None
    """Operation or stream; None for the whole service."""
    first: int
    errors: Floats
    volume: Floats
    judged: counts.Excess


@dataclass(frozen=True, slots=True)
class _Surge:
    """An episode of one cell, in buckets of the range."""

    cell: _Cell
    start: int
    end: int
    errors: float
    expected: float
    p_value: float

    @property
    def excess(self) -> float:
        return self.errors - self.expected


def detect(buckets: Buckets, settings: ErrorSpikeSettings) -> list[Finding]:
    """One finding for each service and episode."""
    cells = list(_cells(buckets, settings))
    if not cells:
        return []
    p_values = np.concatenate([cell.judged.p_values.ravel() for cell in cells])
    cutoff = counts.benjamini_hochberg(p_values, settings.false_share)
    tests = int(np.isfinite(p_values).sum())
    surges = [surge for cell in cells for surge in _surges(cell, cutoff, settings)]
    return [_finding(buckets, settings, group, tests) for group in _grouped(surges, settings.max_gap_buckets)]


def _cells(buckets: Buckets, settings: ErrorSpikeSettings) -> Iterator[_Cell]:
    volumes = buckets.frame(
        f"SELECT service, environment, i, sum(events)::DOUBLE AS events FROM {buckets.counts} GROUP BY ALL ORDER BY ALL"
    )
    errors = buckets.frame(
        "SELECT service, environment, coalesce(operation, '') AS operation, coalesce(stream, '') AS stream, "
        f"i, {LOGGED}::DOUBLE AS logged, {SERVED}::DOUBLE AS served FROM {buckets.counts} "
        "WHERE severity >= 17 OR server_errors > 0 GROUP BY ALL ORDER BY ALL"
    )
    own_volumes = buckets.frame(
        "SELECT service, environment, operation, i, sum(events)::DOUBLE AS events "
        f"FROM {buckets.counts} WHERE operation IS NOT NULL AND (service, operation) IN ("
        f"SELECT (service, operation) FROM {buckets.counts} WHERE operation IS NOT NULL GROUP BY service, operation "
        f"HAVING {LOGGED} + {SERVED} >= {settings.min_errors}) GROUP BY ALL ORDER BY ALL"
    )
    erring = dict(by_place(errors))
    operations = dict(by_place(own_volumes))
    for place, rows in by_place(volumes):
        if place not in erring:
            continue
        own = erring[place]
        first = int(rows["i"].min())
        volume = buckets.dense(rows["i"], rows["events"], first)
        if (volume > 0).mean() < settings.min_presence:
            # A log that is mostly silent, as a database's: its lines are no measure of its work, but time is.
            volume = np.ones_like(volume)
        volume_of = dict(list(operations[place].groupby("operation"))) if place in operations else {}
        for name, part in [(None, own), *own.groupby("stream"), *own.groupby("operation")]:
            logged, served = (buckets.dense(part["i"], part[column], first) for column in ("logged", "served"))
            observed = np.maximum(logged, served)
            total = observed.sum()
            if name == "" or total < settings.min_errors:
                continue
            shape = volume
            # Where only failures name their operation, the service's volume stands in for the operation's.
            if name in volume_of and volume_of[name]["events"].sum() >= 2 * total:
                shape = buckets.dense(volume_of[name]["i"], volume_of[name]["events"], first)
            yield _Cell(place, name, first, observed, shape, _judge(buckets, observed, shape, settings))


def _judge(buckets: Buckets, errors: Floats, volume: Floats, settings: ErrorSpikeSettings) -> counts.Excess:
    return counts.excess(
        errors,
        volume,
        history=max(settings.history_days * _DAY // buckets.range.bucket, settings.min_history_buckets),
        min_history=settings.min_history_buckets,
        windows=settings.windows,
        cap_quantile=settings.cap_quantile,
    )


def _surges(cell: _Cell, cutoff: float, settings: ErrorSpikeSettings) -> Iterator[_Surge]:
    hot = counts.surging(
        cell.judged,
        cell.errors,
        windows=settings.windows,
        p_value=cutoff,
        own_p_value=settings.own_p_value,
        min_count=settings.min_errors,
        min_ratio=settings.min_ratio,
    )
    for episode in counts.episodes(hot, settings.max_gap_buckets):
        inside = slice(episode.start, episode.end)
        yield _Surge(
            cell,
            cell.first + episode.start,
            cell.first + episode.end,
            float(cell.errors[inside].sum()),
            float(cell.judged.expected[inside].sum()),
            float(min(cell.judged.own[inside].min(), np.nanmin(cell.judged.p_values[:, inside], initial=1.0))),
        )


def _grouped(surges: Sequence[_Surge], max_gap: int) -> Iterator[list[_Surge]]:
    """What overlaps within a service, or nearly so; the surge with the most excess first."""
    places = {surge.cell.place for surge in surges}
    for place in sorted(places, key=str):
        own = [surge for surge in surges if surge.cell.place == place]
        raised = np.zeros(max(surge.end for surge in own), dtype=bool)
        for surge in own:
            raised[surge.start : surge.end] = True
        for episode in counts.episodes(raised, max_gap):
            inside = [surge for surge in own if _overlaps(surge, episode)]
            yield sorted(inside, key=lambda surge: (-surge.excess, surge.cell.name or ""))


def _overlaps(surge: _Surge, episode: Episode) -> bool:
    return surge.start < episode.end and episode.start < surge.end


def _finding(buckets: Buckets, settings: ErrorSpikeSettings, group: list[_Surge], tests: int) -> Finding:
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
        confidence=round(1 - min(settings.false_share, lead.p_value * tests), 4),
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

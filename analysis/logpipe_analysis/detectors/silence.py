"""`silence`: a service, a stream or an event that came steadily and stopped, while the rest of the store went on.

What was to be expected in the gap is its own trailing rate, times how busy everything else is in the gap beside what it
was before: so a quiet night is no silence, and neither is the end of the data.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from logpipe.store.literals import literal
from logpipe_analysis import evidence, phrases
from logpipe_analysis.buckets import Buckets, Place, by_place
from logpipe_analysis.evidence import operation_is
from logpipe_analysis.finding import Finding
from logpipe_analysis.findings import fingerprint
from logpipe_analysis.settings import SilenceSettings

Floats = npt.NDArray[np.float64]

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Cell:
    """What may fall silent; the wider comes first in `_WIDTH`."""

    place: Place
    what: str
    """service, stream or event."""
    name: str | None
    events: Floats

    @property
    def condition(self) -> str:
        """Its events, as SQL over `events`."""
        own = self.place.condition()
        match self.what:
            case "stream":
                return f"{own} AND stream = {literal(self.name)}"
            case "event":
                return f"{own} AND {operation_is('event', self.name or '')}"
        return own

    @property
    def rolled(self) -> str:
        """The same over the roll-up."""
        own = self.place.condition()
        match self.what:
            case "stream":
                return f"{own} AND stream = {literal(self.name)}"
            case "event":
                return f"{own} AND operation_kind = 'event' AND operation = {literal(self.name)}"
        return own


@dataclass(frozen=True, slots=True)
class _Gap:
    cell: _Cell
    start: int
    end: int | None
    """None while it lasts."""
    expected: float
    rate: float
    """Events a bucket before."""
    p_value: float


_WIDTH = ("service", "stream", "event")


def detect(buckets: Buckets, settings: SilenceSettings) -> list[Finding]:
    """One finding for the widest thing that stopped."""
    cells = list(_cells(buckets))
    kept: list[_Gap] = []
    for what in _WIDTH:
        for cell in (cell for cell in cells if cell.what == what):
            for gap in _gaps(buckets, cell, list(_rest(cell, cells)), settings):
                if not any(_inside(gap, wider, buckets.range.buckets) for wider in kept):
                    kept.append(gap)
    return [_finding(buckets, gap) for gap in kept]


def _rest(cell: _Cell, cells: Sequence[_Cell]) -> Iterator[Floats]:
    """What else there is to compare with: the other services, and the other streams of its own."""
    for other in cells:
        elsewhere = other.place != cell.place
        if (other.what == "service" and elsewhere) or (
            other.what == "stream" and not elsewhere and cell.what != "service" and other.name != cell.name
        ):
            yield other.events


def _cells(buckets: Buckets) -> Iterator[_Cell]:
    for what, column, condition in (
        ("service", "NULL::VARCHAR", "true"),
        ("stream", "stream", "stream IS NOT NULL"),
        ("event", "operation", "operation_kind = 'event' AND operation <> 'other'"),
    ):
        frame = buckets.frame(
            f"SELECT service, environment, {column} AS name, i, sum(events)::DOUBLE AS events FROM {buckets.counts} "
            f"WHERE {condition} GROUP BY ALL ORDER BY ALL"
        )
        for place, rows in by_place(frame):
            if what == "service":
                yield _Cell(place, what, None, buckets.dense(rows["i"], rows["events"]))
            else:
                for name, part in rows.groupby("name", sort=True):
                    yield _Cell(place, what, str(name), buckets.dense(part["i"], part["events"]))


def _gaps(buckets: Buckets, cell: _Cell, rest: Sequence[Floats], settings: SilenceSettings) -> Iterator[_Gap]:
    present = np.flatnonzero(cell.events)
    if len(present) < settings.min_history_buckets or not rest:
        return
    going_on = np.flatnonzero(np.sum(rest, axis=0))
    ends = np.append(present[1:], int(going_on[-1]) + 1 if len(going_on) else 0)
    for before, after in zip(present, ends, strict=True):
        start, end = int(before) + 1, int(after)
        if end - start < settings.min_buckets:
            continue
        history = slice(max(start - settings.history_buckets, int(present[0])), start)
        if start - int(present[0]) < settings.min_history_buckets or not _steady(cell, start, end, settings):
            continue
        if _usual(cell, start, end, _DAY // buckets.range.bucket):
            continue
        rate = float(cell.events[history].mean())
        expected = rate * (end - start) * _activity(rest, start, end, history)
        if expected < settings.min_expected:
            continue
        p_value = _chance(cell.events[history], expected, end - start, settings)
        if p_value <= settings.p_value:
            open_ended = start > present[-1]
            yield _Gap(cell, start, None if open_ended else end, expected, rate, p_value)


def _chance(history: Floats, expected: float, length: int, settings: SilenceSettings) -> float:
    """Of so long a gap: by its expected events, or, for what has come in every bucket, by that regularity."""
    by_count = float((1 + settings.dispersion * expected) ** (-1 / settings.dispersion))
    if len(history) >= settings.min_history_buckets and (history > 0).all():
        return min(by_count, float((0.5 / (len(history) + 1)) ** length))
    return by_count


def _activity(rest: Sequence[Floats], start: int, end: int, history: slice) -> float:
    """How busy everything else is in the gap, as a share of what it was before, at most 1; the median of them."""
    ratios = [
        float(other[start:end].mean() / other[history].mean()) for other in rest if (other[history] > 0).mean() >= 0.5
    ]
    return min(float(np.median(ratios)), 1.0) if ratios else 0.0


def _steady(cell: _Cell, start: int, end: int, settings: SilenceSettings) -> bool:
    """It came in nearly every bucket lately, and was there for most of the time before: a job that ran once was not.

    What is thinner is looked at in longer buckets; the gap must be as much longer.
    """
    for factor in settings.factors:
        if end - start < settings.min_buckets * factor:
            return False
        length = start // factor
        binned = cell.events[start - length * factor : start].reshape(length, factor).sum(axis=1) > 0
        recent = binned[-settings.history_buckets // factor :]
        if length >= 2 * settings.min_buckets and recent.mean() >= settings.min_occupancy:
            return bool(binned.mean() >= settings.min_presence)
    return False


def _usual(cell: _Cell, start: int, end: int, day: int) -> bool:
    """The day before it was as silent at this time."""
    yesterday = cell.events[max(start - day, 0) : max(end - day, 0)]
    return len(yesterday) == end - start and bool((yesterday > 0).mean() < 0.5)


def _inside(gap: _Gap, wider: _Gap, last: int) -> bool:
    """Most of it lies in a silence of something wider of the same service."""
    if gap.cell.place != wider.cell.place:
        return False
    overlap = min(gap.end or last, wider.end or last) - max(gap.start, wider.start)
    return overlap >= 0.5 * ((gap.end or last) - gap.start)


def _finding(buckets: Buckets, gap: _Gap) -> Finding:
    cell, bucket = gap.cell, buckets.range.bucket
    start = buckets.range.at(gap.start)
    end = None if gap.end is None else buckets.range.at(gap.end)
    length = (end or buckets.range.until) - start
    what = cell.place.service if cell.name is None else f"{cell.what} {cell.name}"
    per_minute = gap.rate * (timedelta(minutes=1) / bucket)
    back = f"; it came back at {phrases.clock(end, bucket)}" if end else "; it has not come back"
    before = evidence.within(start - max(length, 10 * bucket), start)
    return Finding(
        kind="silence",
        severity="critical" if cell.what == "service" else "warning",
        service=cell.place.service,
        environment=cell.place.environment,
        subject=cell.name,
        started_at=start,
        ended_at=end,
        baseline=round(per_minute, 4),
        observed=0.0,
        unit="events/min",
        score=round(-math.log10(max(gap.p_value, 1e-300)), 2),
        confidence=round(1 - gap.p_value, 4),
        title=phrases.shortened(
            f"{cell.place.service}: {'nothing' if cell.name is None else what} since {start:%H:%M}"
        ),
        explanation=(
            f"{cell.place.service}: {'the whole service' if cell.name is None else what} fell silent at "
            f"{phrases.clock(start, bucket)} for {phrases.duration(length)}, where {phrases.number(per_minute)} "
            f"events/min came before and about {phrases.number(gap.expected)} were expected, while the rest went on"
            f"{back}."
        ),
        evidence=evidence.examples(buckets.store, f"{cell.condition} AND {before}", order="-epoch_us(ts)", limit=3),
        sql=buckets.shown(
            rolled="sum(events)::BIGINT AS events",
            counted="count(*) AS events",
            relation="rollup_minute",
            condition=cell.condition if buckets.brief else cell.rolled,
            since=buckets.range.at(max(gap.start - 15, 0)),
            until=buckets.range.at(min((gap.end or buckets.range.buckets) + 5, buckets.range.buckets)),
        ),
        fingerprint=fingerprint("silence", cell.place.service, cell.place.environment, f"{cell.what} {cell.name}"),
    )

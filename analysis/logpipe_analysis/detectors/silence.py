"""`silence`: a service, a stream or an event that came steadily and stopped, while the rest of the store went on.

What was to be expected in the gap is its own trailing rate, times how busy everything else is in the gap beside what it
was before: so a quiet night is no silence, and neither is the end of the data. What comes at regular intervals, as a
heartbeat each five minutes or a job each hour, is judged by the beats that it has missed.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from logpipe_analysis import evidence, phrases
from logpipe_analysis.buckets import Buckets, Integers
from logpipe_analysis.detectors.silence_cells import Cell, Rest, events, services, streams
from logpipe_analysis.finding import Finding
from logpipe_analysis.findings import fingerprint
from logpipe_analysis.settings import SilenceSettings

Floats = npt.NDArray[np.float64]

_DAY = timedelta(days=1)
_WEEK = 7
"""Days."""

_BEATS = 50
"""Intervals of a heartbeat that are looked back on."""
_REGULAR = 0.9
_LATE = 1.5
"""So much of the intervals of a heartbeat is at most so many times as long as usual; and at least as short, so much."""
_REMEMBERED = 500
"""Beats that misses are counted over."""
_MOST_LOST = 2
"""More misses in a row are an outage, and count as so many."""
_THIN = 3
"""Buckets between the beats, without which it is no heartbeat but comes all the time."""


@dataclass(frozen=True, slots=True)
class _Gap:
    cell: Cell
    start: int
    end: int | None
    """None while it lasts."""
    expected: float
    rate: float
    """Events a bucket before."""
    p_value: float


def detect(buckets: Buckets, settings: SilenceSettings) -> list[Finding]:
    """One finding for the widest thing that stopped."""
    rest, kept = Rest(buckets), list[_Gap]()
    for cell in itertools.chain(services(buckets), streams(buckets), events(buckets)):
        for gap in _gaps(buckets, cell, rest.of(cell), settings):
            if not any(_inside(gap, wider, buckets.range.buckets) for wider in kept):
                kept.append(gap)
    return [_finding(buckets, gap) for gap in kept]


def _gaps(buckets: Buckets, cell: Cell, rest: Sequence[Cell], settings: SilenceSettings) -> Iterator[_Gap]:
    present = np.flatnonzero(cell.events)
    if len(present) <= settings.min_beats or not rest:
        return
    first, day = int(present[0]), _DAY // buckets.range.bucket
    for start, end, beat in _candidates(cell, present, rest, settings):
        if not beat and not _steady(cell, start, end, _since(first, start, day, settings), settings):
            continue
        if _usual(cell.events[first:start], end - start, day, beat):
            continue
        history = slice(max(start - max(settings.history_buckets, _BEATS * beat), first), start)
        rate = float(cell.events[history].mean())
        activity = _activity(rest, start, end, history)
        expected = rate * (end - start) * activity
        if beat:
            p_value = _missed(present[present < start], beat, (end - start) * activity / beat)
        elif expected < settings.min_expected:
            continue
        else:
            p_value = _chance(cell.events[history], expected, end - start, settings)
        if p_value <= settings.p_value:
            yield _Gap(cell, start, None if start > present[-1] else end, expected, rate, p_value)


def _candidates(
    cell: Cell, present: Integers, rest: Sequence[Cell], settings: SilenceSettings
) -> Iterator[tuple[int, int, int]]:
    """The gaps that may be silences, by what is cheap to know: begin, end, and the usual interval of a heartbeat or 0.

    After the last event the gap reaches as far as anything else goes on.
    """
    starts, ends = present + 1, np.append(present[1:], max(cell.end, *(other.end for other in rest)))
    lengths = ends - starts
    if lengths.max() < settings.min_buckets:  # as mostly
        return
    total = np.concatenate(([0.0], np.cumsum(cell.events)))
    known = np.maximum(starts - settings.history_buckets, present[0])
    due = (total[starts] - total[known]) / (starts - known) * lengths >= settings.min_expected
    due &= starts - present[0] >= settings.min_history_buckets
    due &= np.arange(len(present)) + 1 >= settings.min_history_buckets
    beats = _beats(present, lengths, settings)
    for at in np.flatnonzero((lengths >= settings.min_buckets) & (due | (beats > 0))):
        yield int(starts[at]), int(ends[at]), int(beats[at])


def _beats(present: Integers, lengths: Integers, settings: SilenceSettings) -> Integers:
    """The usual interval before each gap that a heartbeat has missed beats in; 0 where none was missed."""
    beats = np.zeros(len(present), dtype=np.int64)
    intervals = np.diff(present)
    longest = pd.Series(intervals).rolling(_BEATS, min_periods=settings.min_beats).max().to_numpy(np.float64)
    known = np.minimum(np.arange(1, len(present)), _BEATS)
    # Half of a heartbeat's intervals are so long, and the others a bucket at least: so their mean says which are none.
    thin = present[1:] - present[np.arange(1, len(present)) - known] >= (1 + _THIN) / 2 * known
    for at in np.flatnonzero((lengths[1:] >= _LATE * longest) & thin):
        least, usual, most = np.quantile(intervals[max(at + 1 - _BEATS, 0) : at + 1], (1 - _REGULAR, 0.5, _REGULAR))
        regular = usual >= _THIN and most <= _LATE * usual and usual <= _LATE * least
        if regular and lengths[at + 1] >= settings.missed_beats * usual:
            beats[at + 1] = round(usual)
    return beats


def _missed(present: Integers, beat: int, missed: float) -> float:
    """The chance that a heartbeat misses so many in a row, if it misses any with the same chance as in the past.

    An outage of the past counts as a few misses only: it says that there are outages, not that beats get lost.
    """
    due = np.maximum(np.rint(np.diff(present[-_REMEMBERED:]) / beat), 1)
    lost = float(np.minimum(due - 1, _MOST_LOST).sum())
    return _in_a_row(lost, len(due) + lost, missed)


def _in_a_row(lost: float, due: float, missed: float) -> float:
    """The chance of so many misses in a row where `lost` of `due` were missed before; with Jeffreys' prior."""
    return float(
        np.exp(special.betaln(lost + 0.5 + missed, due - lost + 0.5) - special.betaln(lost + 0.5, due - lost + 0.5))
    )


def _chance(history: Floats, expected: float, length: int, settings: SilenceSettings) -> float:
    """Of so long a gap: by its expected events, or, for what has come in every bucket, by that regularity."""
    by_count = float((1 + settings.dispersion * expected) ** (-1 / settings.dispersion))
    if len(history) >= settings.min_history_buckets and (history > 0).all():
        return min(by_count, _in_a_row(0, len(history), length))
    return by_count


def _activity(rest: Sequence[Cell], start: int, end: int, history: slice) -> float:
    """How busy everything else is in the gap, as a share of what it was before, at most 1; the median of them."""
    ratios = [
        float(other.events[start:end].mean() / other.events[history].mean())
        for other in rest
        if (other.events[history] > 0).mean() >= 0.5
    ]
    return min(float(np.median(ratios)), 1.0) if ratios else 0.0


def _since(first: int, start: int, day: int, settings: SilenceSettings) -> int:
    """From which bucket on something has to have come steadily: its first, or that of the range where it is young."""
    return first if start - first >= settings.min_age_days * day else 0


def _steady(cell: Cell, start: int, end: int, since: int, settings: SilenceSettings) -> bool:
    """It came in nearly every bucket lately, and was there for most of the time before: a job that ran once was not.

    What is thinner is looked at in longer buckets; the gap must be as much longer.
    """
    for factor in settings.factors:
        if end - start < settings.min_buckets * factor:
            return False
        length = (start - since) // factor
        recent = min(-(-settings.history_buckets // factor), length)
        if length >= 2 * settings.min_buckets and _present(cell, start, recent, factor) >= settings.min_occupancy:
            return _present(cell, start, length, factor) >= settings.min_presence
    return False


def _present(cell: Cell, end: int, length: int, factor: int) -> float:
    """The share of the last `length` bins of `factor` buckets, up to `end`, that hold an event."""
    binned = cell.events[end - length * factor : end].reshape(length, factor).sum(axis=1)
    return float((binned > 0).mean())


def _usual(past: Floats, length: int, day: int, beat: int) -> bool:
    """The day or the week before it was as silent at this time: half the beats, or of the buckets, were missing.

    Of a gap that is longer than that, as much is compared as lies in the `past`, which ends where the gap begins.
    """
    for period in (day, _WEEK * day):
        before = past[len(past) - period :][:length] if len(past) >= period else past[:0]
        if len(before) and (before > 0).mean() * (beat or 1) < 0.5:
            return True
    return False


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
    absent = "nothing" if cell.name is None else f"no {what}"
    fell_silent = f"{'the whole service' if cell.name is None else what} fell silent at {phrases.clock(start, bucket)}"
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
            f"{cell.place.service}: {absent} {phrases.span(start, end, bucket) if end else f'since {start:%H:%M}'}"
        ),
        explanation=(
            f"{cell.place.service}: {f'{absent} {phrases.span(start, end, bucket)},' if end else fell_silent} for "
            f"{phrases.duration(length)}, where {phrases.number(per_minute)} events/min came before and about "
            f"{phrases.number(gap.expected)} were expected, while the rest went on"
            f"{'' if end else '; it has not come back'}."
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

"""`volume_change`: a service or stream that suddenly logs twice as much, or half as much, as at this time before.

Records of severity ERROR and above are not counted: they are judged as error spikes; what stops is a silence.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
from scipy import stats

from logpipe.store.literals import literal
from logpipe_analysis import evidence, phrases
from logpipe_analysis.buckets import Buckets, Integers
from logpipe_analysis.cells import Cells
from logpipe_analysis.finding import Finding
from logpipe_analysis.findings import fingerprint
from logpipe_analysis.place import Place
from logpipe_analysis.settings import GaugeSettings, VolumeSettings
from logpipe_analysis.statistics import counts, gauges, same_time

Floats = npt.NDArray[np.float64]

_DAY = timedelta(days=1)
_COUNTED = "severity < 17"
_STOPPED = 0.5
"""Where fewer of the bins hold any event, it has stopped, which is a silence."""


@dataclass(frozen=True, slots=True)
class _Cell:
    place: Place
    stream: str | None
    """None for the service as a whole."""
    bins: Floats
    """Events a bin, from the first that has any; the last is whole."""
    first: int
    """The bin of the range that the first one is."""
    keys: Integers
    """Its keys in `Buckets.cells`."""

    @property
    def condition(self) -> str:
        """Its events, as SQL over `events` and the roll-up."""
        own = f"{self.place.condition()} AND {_COUNTED}"
        return own if self.stream is None else f"{own} AND stream = {literal(self.stream)}"


@dataclass(frozen=True, slots=True)
class _Change:
    """Positions are buckets of the range."""

    cell: _Cell
    start: int
    end: int | None
    """None while it lasts."""
    expected: float
    """Events a bucket: of all that was usual, the nearest to what came."""
    observed: float
    z: float
    strange: float
    """Beside the strangest volume of the history, which is 1."""


def detect(buckets: Buckets, settings: VolumeSettings, gauge: GaugeSettings) -> list[Finding]:
    """One finding an episode; where a service and its streams change together, the service's."""
    width = settings.bin_buckets if not _DAY % (settings.bin_buckets * buckets.range.bucket) else 1
    day = _DAY // (width * buckets.range.bucket)
    if day < settings.min_bins_a_day:
        return []
    kept: list[_Change] = []
    for cell in _cells(buckets, width):
        for change in _changes(buckets, cell, width, day, settings, gauge):
            if not any(_inside(change, wider, buckets.range.buckets) for wider in kept):
                kept.append(change)
    return [_finding(buckets, change, gauge) for change in kept]


def learning(buckets: Buckets) -> list[str]:
    """A note on the services whose volume is not judged yet, since they have been seen for less than a day."""
    day = -(-_DAY // buckets.range.bucket)
    cells = buckets.cells
    names = ", ".join(
        str(service)
        for (service,), keys in cells.by(("service",)).items()
        if buckets.range.buckets - cells.first(keys) <= day
    )
    return [f"volumes of {names}: still learning what is normal at which time of day (needs a day)"] if names else []


def _cells(buckets: Buckets, width: int) -> Iterator[_Cell]:
    """The services, then their streams."""
    cells, whole = buckets.cells, buckets.range.buckets // width
    streams = cells.by(("service", "environment", "stream"), np.flatnonzero(cells.keys["stream"].notna()))
    named: list[tuple[Place, str | None, Integers]] = [(place, None, keys) for place, keys in buckets.places()]
    named += [
        (Place(str(service), environment), stream or None, keys)
        for (service, environment, stream), keys in streams.items()
    ]
    for place, stream, keys in named:
        bins = _counted(cells, keys)[: whole * width].reshape(whole, width).sum(axis=1)
        present = np.flatnonzero(bins)
        if len(present):
            yield _Cell(place, stream, bins[present[0] :], int(present[0]), keys)


def _counted(cells: Cells, keys: Integers) -> Floats:
    """The events of these keys that are no errors, one value a bucket."""
    return cells.series(keys) - cells.series(keys, cells.errors)


def _changes(
    buckets: Buckets, cell: _Cell, width: int, day: int, settings: VolumeSettings, gauge: GaugeSettings
) -> Iterator[_Change]:
    expected = same_time.usual(cell.bins, day)
    z = _beyond(cell.bins, expected, day, settings)
    if not z.any():
        return
    strange = gauges.strangeness(cell.bins, day=day, history=gauge.record_values)
    for stretch in same_time.stretches(
        cell.bins, expected, z, reach=settings.windows[-1], min_ratio=settings.min_ratio
    ):
        inside = slice(stretch.start, stretch.end)
        bins = cell.bins[inside]
        if len(bins) < settings.min_bins or (bins > 0).mean() < _STOPPED:
            continue
        usual, observed = stretch.expected / width, float(bins.mean()) / width
        yield _Change(
            cell,
            _onset(buckets, cell, (cell.first + stretch.start) * width, width, usual, observed),
            (cell.first + stretch.end) * width if stretch.over else None,
            usual,
            observed,
            float(z[inside][np.argmax(np.abs(z[inside]))]),
            float(strange[inside].max()),
        )


def _beyond(bins: Floats, expected: same_time.Usual, day: int, settings: VolumeSettings) -> Floats:
    """The z of each bin in the window that shows most, 0 where none shows a change."""
    furthest = np.zeros(len(bins))
    beyond_peaks = np.sqrt(settings.min_ratio)
    for length in settings.windows:
        observed, low, high = counts.window_sum(bins, length), expected.low * length, expected.high * length
        more = (observed >= settings.min_ratio * high) & (high >= settings.min_expected)
        less = (observed <= low / settings.min_ratio) & (low >= settings.min_expected)
        more &= bins >= beyond_peaks * expected.high  # else it is over, and only in the window
        less &= bins <= expected.low / beyond_peaks
        if not (more | less).any():  # as mostly: then the peaks of the days before need not be known
            continue
        sums = same_time.sums(bins, length, day)
        more &= observed >= beyond_peaks * sums.high
        less &= observed <= sums.low / beyond_peaks
        changed = (more | less) & (np.abs(sums.z) >= np.maximum(settings.z, np.abs(furthest)))
        furthest = np.where(changed, sums.z, furthest)
    return furthest


def _onset(buckets: Buckets, cell: _Cell, start: int, width: int, before: float, after: float) -> int:
    """The bucket that the change begins in: in the bin from bucket `start` on, or in one next to it."""
    first, end = max(start - width, 0), min(start + 2 * width, buckets.range.buckets)
    events = _counted(buckets.cells, cell.keys)[first:end]
    return first + same_time.turn(events, before, max(after, 1e-3) / max(before, 1e-3))


def _inside(change: _Change, wider: _Change, last: int) -> bool:
    """Most of it lies in a change of its service."""
    if change.cell.place != wider.cell.place:
        return False
    overlap = min(change.end or last, wider.end or last) - max(change.start, wider.start)
    return overlap >= 0.5 * ((change.end or last) - change.start)


def _finding(buckets: Buckets, change: _Change, gauge: GaugeSettings) -> Finding:
    cell, bucket = change.cell, buckets.range.bucket
    start = buckets.range.at(change.start)
    end = None if change.end is None else buckets.range.at(change.end)
    length = (end or buckets.range.until) - start
    minute = timedelta(minutes=1) / bucket
    before, after = change.expected * minute, change.observed * minute
    what = cell.place.service if cell.stream is None else f"{cell.place.service}, stream {cell.stream}"
    rises = after > before
    factor = phrases.times(after, before) if rises else f"{after / before:.0%} of it"
    record = change.strange > gauge.limit
    return Finding(
        kind="volume_change",
        severity="warning" if record else "info",
        service=cell.place.service,
        environment=cell.place.environment,
        subject=cell.stream,
        started_at=start,
        ended_at=end,
        baseline=round(before, 4),
        observed=round(after, 4),
        unit="events/min",
        score=round(abs(change.z), 2),
        confidence=round(1 - 2 * float(stats.norm.sf(abs(change.z))), 4),
        title=phrases.shortened(f"{what}: {'more' if rises else 'fewer'} events, {factor}"),
        explanation=(
            f"{what}: {phrases.number(after)} events/min for {phrases.duration(length)}, where "
            f"{'at most' if rises else 'at least'} {phrases.number(before)} were usual ({factor})"
            f"{_most(buckets, change, length, rises)}; {phrases.span(start, end, bucket)}."
            f"{' No volume of the history is as strange.' if record else ''}"
        ),
        evidence=evidence.examples(
            buckets.store, f"{cell.condition} AND {evidence.within(start, end or buckets.range.until)}", limit=3
        ),
        sql=buckets.shown(
            rolled="sum(events)::BIGINT AS events",
            counted="count(*) AS events",
            relation="rollup_minute",
            condition=cell.condition,
            since=buckets.range.at(max(change.start - 15, 0)),
            until=buckets.range.at(min((change.end or buckets.range.buckets) + 5, buckets.range.buckets)),
        ),
        fingerprint=fingerprint("volume_change", cell.place.service, cell.place.environment, cell.stream),
    )


def _most(buckets: Buckets, change: _Change, length: timedelta, rises: bool) -> str:
    """The operation whose events have changed most since as long before, where it is most of the change."""
    buckets_long = length // buckets.range.bucket
    rows = buckets.store.execute(
        "SELECT operation, sum(CASE WHEN i >= $start THEN events ELSE -events::BIGINT END)::DOUBLE AS change "
        f"FROM {buckets.counts} WHERE {change.cell.condition} AND i >= $before AND i < $end "
        "GROUP BY operation ORDER BY abs(change) DESC, operation LIMIT 1",
        {"start": change.start, "before": change.start - buckets_long, "end": change.start + buckets_long},
    )
    whole = (change.observed - change.expected) * buckets_long
    if not rows or rows[0][0] in (None, "other") or rows[0][1] * (1 if rises else -1) < 0.5 * abs(whole):
        return ""
    return f"; mostly {rows[0][0]} ({rows[0][1]:+,.0f} events)"

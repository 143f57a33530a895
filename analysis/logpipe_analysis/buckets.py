"""Counts and latencies of the store in gap-free buckets: what every detector looks at.

SQL reduces the store to one row a bucket and cell; this makes arrays of them, one value a bucket. Buckets of whole
minutes come from the roll-ups; shorter ones are counted from the events of the range, into temporary tables of the
same shape, so that all that follows is the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from logpipe.store import Store, rollup
from logpipe.store.literals import literal
from logpipe_analysis.cells import Cells
from logpipe_analysis.coded import Codes
from logpipe_analysis.place import Place
from logpipe_analysis.timerange import TimeRange

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MINUTE = timedelta(minutes=1)

LEAST_BUCKET = -80
"""Durations under 2^(-80/8) ms, a microsecond, are held as that."""


def by_place(frame: pd.DataFrame) -> Iterator[tuple[Place, pd.DataFrame]]:
    """The rows of each service and environment."""
    for (service, environment), rows in frame.groupby(["service", "environment"], dropna=False, sort=True):
        yield Place(str(service), environment if isinstance(environment, str) else None), rows


@dataclass(frozen=True)
class Latency:
    """The durations of one operation, from the first bucket of time that has any to the last of the range.

    Held as the cells of a histogram that are not empty: `counts` events in row `rows` and column `columns`. Of a month
    of minutes most are, and what asks for bins of many buckets gets these without the dense one in between.
    """

    operation: str
    kind: str
    first: int
    """The bucket of the range that row 0 stands for."""
    length: int
    """Rows."""
    rows: Integers
    columns: Integers
    counts: Floats
    lowest: int
    """The exponential bucket that column 0 stands for."""
    sum_ms: Floats
    """Total duration a bucket of time."""

    def binned(self, size: int, first: int = 0, last: int | None = None) -> Floats:
        """Rows `first` to `last`, exclusive, as a histogram in bins of `size` of them; its last bin may hold fewer."""
        end = self.length if last is None else last
        height, width = -(-(end - first) // size), int(self.columns.max(initial=0)) + 1
        inside = (self.rows >= first) & (self.rows < end)
        flat = (self.rows[inside] - first) // size * width + self.columns[inside]
        counted = np.bincount(flat, weights=self.counts[inside], minlength=height * width)
        return counted.astype(np.float64).reshape(height, width)

    @property
    def events(self) -> Floats:
        """A bucket of time."""
        return np.bincount(self.rows, weights=self.counts, minlength=self.length).astype(np.float64)

    def without(self, excluded: Bools) -> "Latency":
        """The same less the events of the buckets that are marked; marks are of the whole range."""
        if not excluded.any():
            return self
        # An event of none keeps the width: what is compared with the whole has the same columns.
        counts = np.where(excluded[self.first + self.rows], 0.0, self.counts)
        return replace(self, counts=counts)


@dataclass(frozen=True, slots=True)
class Durations:
    """The cells of the histograms of all operations, those of an operation side by side."""

    operations: pd.DataFrame
    """service, environment, operation_kind and operation; in order."""
    ends: Integers
    """Of each operation, where its cells end."""
    keys: pd.DataFrame
    """The same names and version: the cells of an operation are by version."""
    key_ends: Integers
    """Of each of these keys, where its cells end."""
    index: npt.NDArray[np.int32]
    """The bucket of time of each cell."""
    bucket: npt.NDArray[np.int16]
    """The exponential bucket of each cell."""
    events: npt.NDArray[np.uint32]
    sum_ms: npt.NDArray[np.float32]

    def of(self, number: int) -> slice:
        """The cells of an operation."""
        return slice(int(self.ends[number - 1]) if number else 0, int(self.ends[number]))

    def number(self, place: Place, kind: str, operation: str) -> int:
        """Of an operation that there is."""
        asked = (place.service, place.environment, kind, operation)
        return next(int(number) for number, *names in self.operations.itertuples() if tuple(names) == asked)

    def by_place(self, kind: str) -> dict[Place, list[int]]:
        """The numbers of the operations of a kind, in order."""
        found: dict[Place, list[int]] = {}
        for number, service, environment, own_kind, _ in self.operations.itertuples():
            if own_kind == kind:
                found.setdefault(Place(service, environment), []).append(number)
        return found

    def rows(self, numbers: Sequence[int]) -> Integers:
        """The cells of these operations."""
        return np.concatenate([np.arange(own.start, own.stop) for own in map(self.of, numbers)])


class Buckets:
    """The store over a range. `counts` and `latencies` name relations shaped as the roll-ups, with `i`, the bucket."""

    def __init__(self, store: Store, time_range: TimeRange) -> None:
        self.store = store
        self.range = time_range
        self.brief = bool(time_range.bucket % MINUTE)
        if self.brief:
            rollup.roll_up_briefly(
                store.connection,
                f"(SELECT * FROM events WHERE {self.within('ts')})",
                time_range.bucket_us,
                counts="brief_counts",
                latencies="brief_latencies",
            )
            counts, latencies, timed = "brief_counts", "brief_latencies", "brief_latencies"
        else:
            counts, latencies, timed = "rollup_minute", "latency_minute", "latency_histogram"
        self.counts, self.latencies = self._indexed(counts), self._indexed(latencies)
        self._timed = self._indexed(timed)

    def within(self, column: str) -> str:
        """The range as SQL."""
        return f"{column} >= {literal(self.range.since)} AND {column} < {literal(self.range.until)}"

    def index(self, column: str) -> str:
        """The bucket that a time within the range is in, as SQL."""
        return f"((epoch_us({column}) - {self.range.since_us}) // {self.range.bucket_us})::INTEGER"

    def _indexed(self, relation: str) -> str:
        return f"(SELECT *, {self.index('minute')} AS i FROM {relation} WHERE {self.within('minute')})"

    def shown(
        self, *, rolled: str, counted: str, relation: str, condition: str, since: datetime, until: datetime
    ) -> str:
        """A statement for people: `rolled` figures a bucket over a roll-up; for short buckets `counted` over events.

        `counted`, too, where the relation is `events`, as for what is not rolled up.
        """
        of_events = self.brief or relation == "events"
        column, table, figures = ("ts", "events", counted) if of_events else ("minute", relation, rolled)
        width = self.range.bucket_us
        whole = self.range.bucket == MINUTE and not of_events
        start = column if whole else f"make_timestamptz(epoch_us({column}) // {width} * {width})"
        stretch = f"{column} >= {literal(since)} AND {column} < {literal(until)}"
        return (
            f"SELECT {start} AS bucket, {figures}\nFROM {table}\nWHERE {condition}\n    AND {stretch}\n"
            "GROUP BY 1\nORDER BY 1"
        )

    def frame(self, sql: str) -> pd.DataFrame:
        """The rows of a statement."""
        with self.store.rows(sql) as rows:
            return rows.df()

    def dense(self, index: "pd.Series[int]", values: "pd.Series[float]", first: int = 0) -> Floats:
        """One value a bucket, from bucket `first` to the end of the range; zero where there is none."""
        length = self.range.buckets - first
        weights = values.to_numpy(np.float64)
        return np.bincount(index.to_numpy() - first, weights=weights, minlength=length).astype(np.float64)

    def operations(self, kinds: tuple[str, ...], min_events: int) -> Iterator[tuple[Place, Latency]]:
        """The latencies of each operation of these kinds with enough events; what is counted as `other` is left out."""
        found = self.durations
        for number, service, environment, kind, operation in found.operations.itertuples():
            own = found.of(number)
            if kind in kinds and operation != "other" and found.events[own].sum() >= min_events:
                yield Place(service, environment), self._latency(kind, operation, found, own)

    def _latency(self, kind: str, operation: str, found: Durations, own: slice) -> Latency:
        index, bucket = (array[own].astype(np.int64) for array in (found.index, found.bucket))
        first, lowest = int(index.min()), int(bucket.min())
        rows, length = index - first, self.range.buckets - first
        sum_ms = np.bincount(rows, weights=found.sum_ms[own], minlength=length).astype(np.float64)
        counts = found.events[own].astype(np.float64)
        return Latency(operation, kind, first, length, rows, bucket - lowest, counts, lowest, sum_ms)

    @cached_property
    def cells(self) -> Cells:
        """The counts."""
        return Cells.read(self.store, self.counts, self.range.buckets)

    def places(self) -> Iterator[tuple[Place, Integers]]:
        """Each service and environment, with its keys in `cells`."""
        for (service, environment), keys in self.cells.by(("service", "environment")).items():
            yield Place(str(service), environment), keys

    @cached_property
    def durations(self) -> Durations:
        """The latencies."""
        names = ["service", "environment", "operation_kind", "operation"]
        values = {
            "i": "i::INTEGER",
            "bucket": f"greatest(bucket, {LEAST_BUCKET})::SMALLINT",
            "events": "events::UINTEGER",
            "sum_ms": "least(sum_ms, 3.4e38)::FLOAT",  # to seven digits
        }
        found = Codes(self.store, self._timed, [*names, "version"]).rows(self.latencies, values)
        last = ~found.keys.duplicated(names, keep="last").to_numpy()
        operations = found.keys.loc[last, names].reset_index(drop=True)
        return Durations(operations, found.ends[last], found.keys, found.ends, *(found.rows[name] for name in values))

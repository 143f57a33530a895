"""Counts and latencies of the store in gap-free buckets: what every detector looks at.

SQL reduces the store to one row a bucket and cell; this makes arrays of them, one value a bucket. Buckets of whole
minutes come from the roll-ups; shorter ones are counted from the events of the range, into temporary tables of the
same shape, so that all that follows is the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from logpipe.store import Store, rollup
from logpipe.store.literals import literal
from logpipe_analysis.coded import Numbers, coded
from logpipe_analysis.timerange import TimeRange

Floats = npt.NDArray[np.float64]

MINUTE = timedelta(minutes=1)

LEAST_BUCKET = -80
"""Durations under 2^(-80/8) ms, a microsecond, are held as that."""


@dataclass(frozen=True, slots=True)
class Place:
    """Whose numbers they are."""

    service: str
    environment: str | None

    def condition(self) -> str:
        """As SQL, over `events` and the roll-ups."""
        return f"service = {literal(self.service)} AND environment IS NOT DISTINCT FROM {literal(self.environment)}"


def by_place(frame: pd.DataFrame) -> Iterator[tuple[Place, pd.DataFrame]]:
    """The rows of each service and environment."""
    for (service, environment), rows in frame.groupby(["service", "environment"], dropna=False, sort=True):
        yield Place(str(service), environment if isinstance(environment, str) else None), rows


class Latency:
    """The durations of one operation: a histogram a bucket, from the first that has any to the last of the range."""

    def __init__(self, operation: str, kind: str, found: "_Durations", buckets: int) -> None:
        self.operation = operation
        self.kind = kind
        self.first = int(found.bucket.min())
        """The bucket of the range that row 0 stands for."""
        self.lowest = int(found.width.min())
        """The exponential bucket that column 0 of a histogram stands for."""
        self._row, self._column = found.bucket - self.first, found.width - self.lowest
        self._columns = int(self._column.max()) + 1
        self._found, self._length = found, buckets - self.first

    def binned(self, factor: int) -> Floats:
        """Events, every `factor` buckets of time made one × buckets of duration; the last may stand for fewer."""
        rows = -(-self._length // factor)
        flat = np.bincount(
            self._row // factor * self._columns + self._column,
            weights=self._found.events,
            minlength=rows * self._columns,
        )
        return flat.reshape(rows, self._columns).astype(np.float64)

    @cached_property
    def histogram(self) -> Floats:
        """Events, buckets of time × buckets of duration."""
        return self.binned(1)

    @cached_property
    def events(self) -> Floats:
        """Of each bucket of time."""
        return self._summed(self._found.events)

    @cached_property
    def sum_ms(self) -> Floats:
        """Total duration of each bucket of time."""
        return self._summed(self._found.sum_ms)

    def _summed(self, weights: Floats) -> Floats:
        return np.bincount(self._row, weights=weights, minlength=self._length).astype(np.float64)


@dataclass(frozen=True, slots=True)
class _Durations:
    """Cells of the histograms: by bucket of time and bucket of duration."""

    bucket: Numbers
    width: Numbers
    events: Floats
    sum_ms: Floats

    def at(self, rows: Numbers) -> "_Durations":
        return _Durations(self.bucket[rows], self.width[rows], self.events[rows], self.sum_ms[rows])


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
            self.counts, self.latencies = self._indexed("brief_counts"), self._indexed("brief_latencies")
        else:
            self.counts, self.latencies = self._indexed("rollup_minute"), self._indexed("latency_minute")

    def within(self, column: str) -> str:
        """The range as SQL."""
        return f"{column} >= {literal(self.range.since)} AND {column} < {literal(self.range.until)}"

    def _indexed(self, relation: str) -> str:
        index = f"((epoch_us(minute) - {self.range.since_us}) // {self.range.bucket_us})::INTEGER"
        return f"(SELECT *, {index} AS i FROM {relation} WHERE {self.within('minute')})"

    def shown(
        self, *, rolled: str, counted: str, relation: str, condition: str, since: datetime, until: datetime
    ) -> str:
        """A statement for people: `rolled` figures a bucket over a roll-up; for short buckets `counted` over events."""
        column, table, figures = ("ts", "events", counted) if self.brief else ("minute", relation, rolled)
        width = self.range.bucket_us
        start = column if self.range.bucket == MINUTE else f"make_timestamptz(epoch_us({column}) // {width} * {width})"
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
        keys, key, found = self._durations
        order = np.argsort(key, kind="stable")
        ends = np.cumsum(np.bincount(key, minlength=len(keys)))
        for number, service, environment, kind, operation in keys.itertuples():
            if kind not in kinds or operation == "other":
                continue
            own = found.at(order[ends[number - 1] if number else 0 : ends[number]])
            if own.events.sum() >= min_events:
                yield Place(service, environment), Latency(operation, kind, own, self.range.buckets)

    @cached_property
    def _durations(self) -> tuple[pd.DataFrame, Numbers, _Durations]:
        """The operations in order, of each cell the number of its operation, and the cells."""
        columns = {
            "i": "i::BIGINT",
            "bucket": f"greatest(bucket, {LEAST_BUCKET})",
            "events": "events",
            "sum_ms": "sum_ms",
        }
        rows = coded(self.store, self.latencies, ("service", "environment", "operation_kind", "operation"), columns)
        order = rows.keys.sort_values(list(rows.keys.columns), na_position="last").index.to_numpy()
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        i, bucket = (rows.values[name].astype(np.int64) for name in ("i", "bucket"))
        events, sum_ms = (rows.values[name].astype(np.float64) for name in ("events", "sum_ms"))
        return rows.keys.iloc[order].reset_index(drop=True), rank[rows.key], _Durations(i, bucket, events, sum_ms)

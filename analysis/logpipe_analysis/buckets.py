"""Counts and latencies of the store in gap-free buckets: what every detector looks at.

SQL reduces the store to one row a bucket and cell; this makes arrays of them, one value a bucket. Buckets of whole
minutes come from the roll-ups; shorter ones are counted from the events of the range, into temporary tables of the
same shape, so that all that follows is the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from logpipe.store import Store, rollup
from logpipe.store.literals import literal
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


@dataclass(frozen=True, slots=True)
class Latency:
    """The durations of one operation: a histogram a bucket, from the first that has any to the last of the range."""

    operation: str
    kind: str
    first: int
    """The bucket of the range that row 0 stands for."""
    histogram: Floats
    """Events, buckets of time × buckets of duration."""
    lowest: int
    """The exponential bucket that column 0 stands for."""
    sum_ms: Floats
    """Total duration a bucket of time."""

    @property
    def events(self) -> Floats:
        counted: Floats = self.histogram.sum(axis=1)
        return counted


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
        chosen = ", ".join(literal(kind) for kind in kinds)
        named = self.store.execute(
            f"SELECT service, environment, operation_kind, operation FROM {self.latencies} "
            f"WHERE operation_kind IN ({chosen}) AND operation <> 'other' "
            "GROUP BY ALL HAVING sum(events) >= ? ORDER BY ALL",
            [min_events],
        )
        services = {(service, environment) for service, environment, _, _ in named}
        wanted = set(named)
        for service, environment in sorted(services, key=str):
            place = Place(service, environment)
            frame = self.frame(
                "SELECT operation_kind, operation, i, bucket, sum(events)::DOUBLE AS events, sum(sum_ms) AS sum_ms "
                f"FROM {self.latencies} WHERE {place.condition()} AND operation_kind IN ({chosen}) "
                "GROUP BY ALL ORDER BY ALL"
            )
            for (kind, operation), rows in frame.groupby(["operation_kind", "operation"], sort=True):
                if (service, environment, kind, operation) in wanted:
                    yield place, self._latency(str(kind), str(operation), rows)

    def _latency(self, kind: str, operation: str, rows: pd.DataFrame) -> Latency:
        first = int(rows["i"].min())
        bucket = rows["bucket"].clip(lower=LEAST_BUCKET)
        lowest, width = int(bucket.min()), int(bucket.max() - bucket.min()) + 1
        length = self.range.buckets - first
        flat = (rows["i"].to_numpy() - first) * width + (bucket.to_numpy() - lowest)
        histogram = np.bincount(flat, weights=rows["events"].to_numpy(), minlength=length * width).astype(np.float64)
        return Latency(
            operation,
            kind,
            first,
            histogram.reshape(length, width),
            lowest,
            self.dense(rows["i"], rows["sum_ms"], first),
        )

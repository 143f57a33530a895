"""Which stream a line goes to: few and bounded, and the same each time it is sent.

Loki refuses a line that lies an hour behind the newest one of its stream. Files that are read side by side, or late,
hold such lines; they go to a stream beside, its lane, where they are in order again. What was sent before decides, so
it is written down with the cursor.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
import orjson

from logpipe.store import Store
from logpipe_shippers.loki.metadata import ENVIRONMENT, LANE, SERVICE, STREAM

MAX_STREAMS: Final = 1_000
"""Of a target, of the 5,000 that Loki's defaults give; the rest goes to `service_name="other"`."""
MAX_LANES: Final = 50
"""Of a label set; what is behind in all of them goes to the last one, and Loki refuses it."""
_OTHER: Final = "other"
_NONE: Final = np.empty(0, np.int64)


class Labels(NamedTuple):
    """What makes a stream."""

    service: str
    environment: str | None
    stream: str | None
    lane: int = 0

    def names(self) -> dict[str, str]:
        """As Loki sees them."""
        lane = str(self.lane) if self.lane else None
        labels = {SERVICE: self.service, ENVIRONMENT: self.environment, STREAM: self.stream, LANE: lane}
        return {name: value for name, value in labels.items() if value is not None}

    def selector(self) -> bytes:
        """As push.proto has them; JSON's escapes are among those of Go, in which Loki reads the values."""
        return b"{%b}" % b", ".join(
            b"%b=%b" % (name.encode(), orjson.dumps(text)) for name, text in self.names().items()
        )


OTHER: Final = Labels(_OTHER, None, None)
"""The label set of what is past `MAX_STREAMS`."""


@dataclass(slots=True)
class Streams:
    """Those of one target, each with the time of its newest line in microseconds since 1970."""

    newest: dict[Labels, int] = field(default_factory=dict)

    @classmethod
    def of(cls, store: Store, target: str) -> "Streams":
        """As they were written down.

        Raises:
            StoreError: the store cannot be read.
        """
        rows = store.execute(
            "SELECT service, environment, stream, lane, epoch_us(newest) FROM loki_streams WHERE target = ?", [target]
        )
        return cls({Labels(*labels): newest for *labels, newest in rows})

    def write(self, connection: duckdb.DuckDBPyConnection, target: str) -> None:
        """Write them down, in a transaction."""
        connection.execute("DELETE FROM loki_streams WHERE target = ?", [target])
        columns = [list(column) for column in zip(*self.newest, strict=True)]
        if columns:
            connection.execute(
                "INSERT INTO loki_streams SELECT ?, unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), "
                "unnest(?::INTEGER[]), make_timestamptz(unnest(?::BIGINT[]))",
                [target, *columns, list(self.newest.values())],
            )

    def assign(
        self,
        labels: Sequence[Labels],
        of_row: npt.NDArray[np.int64],
        us: npt.NDArray[np.int64],
        order: npt.NDArray[np.int64],
        behind: timedelta,
    ) -> "Assigned":
        """Streams of rows, taken in `order`: of row `i` with `labels[of_row[i]]` at `us[i]`. `self` is not changed."""
        assigned = Assigned(Streams(dict(self.newest)), np.full(len(of_row), -1, np.int64))
        left = [assigned.lanes(labels[of_row[rows[0]]], rows, us, behind) for rows in _groups(of_row, order)]
        if len(rest := np.concatenate([_NONE, *left])):
            assigned.lanes(OTHER, order[np.isin(order, rest)], us, behind)
        return assigned


@dataclass(slots=True)
class Assigned:
    """Rows with their streams."""

    after: Streams
    """As they are once the rows are sent."""
    numbers: npt.NDArray[np.int64]
    """Of each row, into `labels`; -1 for a row that was not in the order."""
    labels: list[Labels] = field(default_factory=list)

    @property
    def is_other(self) -> npt.NDArray[np.bool_]:
        """Of each row, whether its labels are not those that it has by itself."""
        is_other = np.array([one[:3] == OTHER[:3] for one in self.labels] + [False])
        return is_other[self.numbers]

    def repeatable(self, order: npt.NDArray[np.int64], us: npt.NDArray[np.int64], behind: timedelta) -> int:
        """So many rows, from the first in `order` on, lie within `behind` of each other in each stream.

        Loki takes those again in any state that a kill leaves it in; of more, the first would be behind the last.
        """
        most_us = behind // timedelta(microseconds=1)
        first = len(order)
        for rows in _groups(self.numbers, order):
            spans = np.maximum.accumulate(us[rows]) - np.minimum.accumulate(us[rows])
            if spans[-1] > most_us:
                first = min(first, int(np.flatnonzero(order == rows[np.argmax(spans > most_us)])[0]))
        return first

    def lanes(
        self, labels: Labels, rows: npt.NDArray[np.int64], us: npt.NDArray[np.int64], behind: timedelta
    ) -> npt.NDArray[np.int64]:
        """Put rows of one label set, in their order, into its lanes; what is returned is without a stream."""
        most_us = behind // timedelta(microseconds=1)
        for lane in range(MAX_LANES):
            stream = labels._replace(lane=lane)
            newest = self.after.newest.get(stream)
            if newest is None and len(self.after.newest) >= MAX_STREAMS and labels != OTHER:
                return rows
            running = np.maximum.accumulate(us[rows] if newest is None else np.maximum(us[rows], newest))
            fits = us[rows] >= running - most_us if lane < MAX_LANES - 1 else np.ones(len(rows), np.bool_)
            self.numbers[rows[fits]] = len(self.labels)
            self.labels.append(stream)
            self.after.newest[stream] = int(running[-1])
            rows = rows[~fits]
            if not len(rows):
                break
        return _NONE


def _groups(of_row: npt.NDArray[np.int64], order: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    """Rows by label set, in their order; the set that came first goes first."""
    by_set = order[np.argsort(of_row[order], kind="stable")]
    groups = np.split(by_set, np.flatnonzero(np.diff(of_row[by_set])) + 1) if len(by_set) else []
    came = np.empty(len(of_row), np.int64)
    came[order] = np.arange(len(order))
    yield from sorted(groups, key=lambda rows: int(came[rows[0]]))


def distinct(columns: Iterable[Sequence[str | None]]) -> tuple[list[Labels], npt.NDArray[np.int64]]:
    """Label sets of three columns, and which each row has."""
    known: dict[tuple[str | None, ...], int] = {}
    numbers = [known.setdefault(row, len(known)) for row in zip(*columns, strict=True)]
    return [Labels(*row) for row in known], np.array(numbers, np.int64)  # type: ignore[arg-type] # service is not NULL

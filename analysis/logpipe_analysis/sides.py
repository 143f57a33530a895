"""The rows of two ranges of time, cut into slots, and how often each value of each key stands in them.

Columns are read one after the other, each with the time alone, so the cost is that of a few scans; beyond
`max_rows` a range is read by a sample that is the same each time, drawn by the hash of where a row stands.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from logpipe.errors import QueryError
from logpipe.store import Store
from logpipe.store.literals import literal
from logpipe_analysis.evidence import ERRORS, SAID, within
from logpipe_analysis.settings import DifferenceSettings

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_DRAWN: Final = 1_000_003
_MAX_SLOTS: Final = 400
_MIN_SLOT: Final = timedelta(seconds=1)
_MICROSECOND: Final = timedelta(microseconds=1)
_MIN_SLOT_ROWS: Final = 3
"""Rows of a slot without which its median is not looked at."""
_MIN_LEVELS: Final = 5
"""Slots of each range without which a figure is not looked at."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

PATH: Final = "regexp_replace(split_part(http_path, '?', 1), '[\\w-]*\\d[\\w-]*', '*', 'g')"
"""Of a request without its route: numbers in a path would make each an operation of its own."""

_ROUTE: Final = (
    "CASE WHEN http_route IS NOT NULL OR http_path IS NOT NULL "
    f"THEN concat_ws(' ', http_method, coalesce(http_route, {PATH})) END"
)
_QUERY: Final = "left(query_fingerprint(db_statement, db_system), 500)"
OPERATION: Final = f"CASE WHEN db_statement IS NOT NULL THEN {_QUERY} ELSE coalesce({_ROUTE}, event) END"

COLUMNS: Final = {
    "service": "service",
    "environment": "environment",
    "version": "version",
    "host": "host",
    "instance": "instance",
    "logger": "logger",
    "level": "level",
    "stream": "stream",
    "event": "event",
    "route": _ROUTE,
    "http_status": "http_status::VARCHAR",
    "query": _QUERY,
    "exception_type": "exception_type",
    "function": "CASE WHEN function IS NOT NULL THEN concat_ws(':', module, function) END",
    "user_id": "user_id",
    "message": "CASE WHEN said IS NOT NULL THEN pattern_of(said).template END",
}
"""What is looked at, and how it is made of the columns of an event and of what it `said`: a column of its own, since a
macro works its argument out wherever it names it."""

ATTRIBUTE: Final = "attributes."
"""What the names of keys of `attributes` begin with."""

_MAP: Final = "TRY_CAST(attributes AS MAP(VARCHAR, JSON))"
_ENTRIES: Final = f"unnest(map_entries({_MAP}), recursive := true)"
_NUMBERS: Final = "('BIGINT', 'UBIGINT', 'DOUBLE')"
_SCALARS: Final = "('VARCHAR', 'BOOLEAN', 'BIGINT', 'UBIGINT', 'DOUBLE')"
_MAX_KEYS: Final = 60
"""Keys of `attributes`, and operations, that are looked at: the most frequent."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `since` up to, not including, `until`."""

    since: datetime
    until: datetime

    @property
    def length(self) -> timedelta:
        return self.until - self.since

    def overlaps(self, other: "Stretch") -> bool:
        return self.since < other.until and other.since < self.until


@dataclass(frozen=True, slots=True)
class Scope:
    """Which events of both ranges are looked at."""

    service: str | None = None
    errors: bool = False
    """Only records of severity ERROR or above and responses of status 500 or above."""

    def condition(self) -> str:
        """As SQL over `events`."""
        parts = [f"service = {literal(self.service)}"] if self.service else []
        return " AND ".join([*parts, *([ERRORS] if self.errors else [])]) or "true"

    def told(self) -> str:
        """As words after “events”."""
        return (f" of {self.service}" if self.service else "") + (" that are errors" if self.errors else "")


@dataclass(frozen=True, slots=True)
class Cells:
    """How often each value of one key stands in each slot."""

    key: str
    values: list[str]
    counts: Floats
    """Values × slots."""
    tests: int
    """Values that came often enough, also those that were too many to keep."""


@dataclass(frozen=True, slots=True)
class Levels:
    """A figure in both ranges: its median in each slot that has some, and over each range."""

    key: str
    medians: Floats
    in_a: Bools
    rows: tuple[int, int]
    overall: tuple[float, float]


class Sides:
    """Two ranges of a store in slots of equal length, those of A first."""

    def __init__(self, store: Store, a: Stretch, b: Stretch, scope: Scope, settings: DifferenceSettings) -> None:
        if a.overlaps(b):
            raise QueryError("the two ranges overlap", remedy="end one where the other begins", reason="bad_range")
        self.store, self.a, self.b, self.settings = store, a, b, settings
        self.scope, self._condition = scope, scope.condition()
        slot = max(min(a.length, b.length) / settings.slots, (a.length + b.length) / _MAX_SLOTS, _MIN_SLOT)
        self.slot_us = slot // _MICROSECOND
        slots = [-(-(each.length // _MICROSECOND) // self.slot_us) for each in (a, b)]
        self.in_a: Bools = np.arange(sum(slots)) < slots[0]
        self.lines = (self._lines(a), self._lines(b))
        """Events of each range, before any sampling."""
        self.kept = (self._share(self.lines[0]), self._share(self.lines[1]))
        """The share of each range that is read."""
        self._rows = self._relation(slots[0])
        read = self._frame(f"SELECT slot, count(*) AS n FROM {self._rows} GROUP BY ALL")
        self.rows: Floats = np.bincount(read["slot"], read["n"], len(self.in_a)).astype(np.float64)
        """Rows read, of each slot."""
        self._keys = self._attribute_keys()

    @property
    def unique_keys(self) -> list[str]:
        """Keys of `attributes` that are not looked at: nearly each row has a value of its own."""
        return [key for key, unique in self._keys if unique]

    def cells(self) -> Iterator[Cells]:
        """The values of every column, then of every key of `attributes`."""
        for key, expression in COLUMNS.items():
            yield from self._counted(f"SELECT '{key}' AS key, {expression} AS value, slot FROM {self._rows}")
        keys = [key for key, unique in self._keys if not unique]
        if keys:
            yield from self._counted(
                f"SELECT '{ATTRIBUTE}' || key AS key, value ->> '$' AS value, slot "
                f"FROM (SELECT slot, {_ENTRIES} FROM {self._rows}) WHERE key IN {literal(keys)}"
            )

    def levels(self) -> Iterator[Levels]:
        """Durations by operation, and the numbers among `attributes` by key."""
        yield from self._medians(
            f"SELECT 'duration_ms of ' || {OPERATION} AS key, duration_ms AS value, slot FROM {self._rows}"
        )
        yield from self._medians(
            f"SELECT '{ATTRIBUTE}' || key AS key, TRY_CAST(value AS DOUBLE) AS value, slot "
            f"FROM (SELECT slot, {_ENTRIES} FROM {self._rows}) WHERE json_type(value) IN {_NUMBERS}"
        )

    def together(self, named: Sequence[tuple[str, str]]) -> tuple[npt.NDArray[np.int64], Floats]:
        """Which of up to 60 (key, value) hold of the same rows: the sets that occur, as bits, and their rows a slot."""
        keys = list(dict.fromkeys(key for key, _ in named))
        columns = ", ".join(f"{_value(key)} AS v{number}" for number, key in enumerate(keys))
        bits = " | ".join(
            f"(coalesce(v{keys.index(key)} = {literal(value)}, false)::BIGINT << {bit})"
            for bit, (key, value) in enumerate(named)
        )
        frame = self._frame(
            f"SELECT slot, {bits} AS mask, count(*) AS n FROM (SELECT slot, {columns} FROM {self._rows}) "
            "GROUP BY ALL ORDER BY ALL"
        )
        masks, index = np.unique(frame["mask"].to_numpy(np.int64), return_inverse=True)
        return masks, self._matrix(index, frame, len(masks))

    def mostly(self, counts: Floats, of_a: bool) -> Stretch:
        """When, in one of the ranges, nine tenths of these rows, one count a slot, came."""
        stretch, own = (self.a, counts[self.in_a]) if of_a else (self.b, counts[~self.in_a])
        passed = np.cumsum(own) / max(own.sum(), 1.0)
        first, last = int(np.searchsorted(passed, 0.05, "right")), int(np.searchsorted(passed, 0.95 - 1e-9))
        begin, end = (stretch.since + index * self.slot_us * _MICROSECOND for index in (first, last + 1))
        return Stretch(begin, min(end, stretch.until))

    def _lines(self, stretch: Stretch) -> int:
        condition = f"{within(stretch.since, stretch.until)} AND {self._condition}"
        return int(self.store.execute(f"SELECT count(*) FROM events WHERE {condition}")[0][0])

    def _share(self, lines: int) -> float:
        return min(1.0, self.settings.max_rows / max(lines, 1))

    def _relation(self, slots_of_a: int) -> str:
        """The rows that are read, with their slot."""
        parts = []
        for stretch, kept, first in ((self.a, self.kept[0], 0), (self.b, self.kept[1], slots_of_a)):
            drawn = f" AND hash(source_id, source_pos) % {_DRAWN} < {round(kept * _DRAWN)}" if kept < 1 else ""
            since_us = (stretch.since - _EPOCH) // _MICROSECOND
            parts.append(
                f"SELECT *, {SAID} AS said, {first} + (epoch_us(ts) - {since_us}) // {self.slot_us} AS slot "
                f"FROM events WHERE {within(stretch.since, stretch.until)} AND {self._condition}{drawn}"
            )
        return f"({' UNION ALL '.join(parts)})"

    def _attribute_keys(self) -> list[tuple[str, bool]]:
        """The keys of scalars, the most frequent first; and whether nearly each row has a value of its own."""
        rows = self.store.execute(
            f"""
            SELECT key, approx_count_distinct(value) > 0.5 * count(*) AND count(*) > 100
            FROM (SELECT {_ENTRIES} FROM {self._rows})
            WHERE json_type(value) IN {_SCALARS}
            GROUP BY key
            HAVING count(*) >= {self.settings.min_rows}
            ORDER BY count(*) DESC, key
            LIMIT {_MAX_KEYS}
            """
        )
        return [(key, unique) for key, unique in rows]

    def _counted(self, picked: str) -> Iterator[Cells]:
        frame = self._frame(
            f"""
            WITH picked AS ({picked}),
            frequent AS (
                SELECT key, value, count(*) OVER (PARTITION BY key) AS tests
                FROM picked
                WHERE value IS NOT NULL
                GROUP BY key, value
                HAVING count(*) >= {self.settings.min_rows}
                QUALIFY row_number() OVER (PARTITION BY key ORDER BY count(*) DESC, value) <= {self.settings.max_values}
            )
            SELECT key, value, slot, any_value(tests) AS tests, count(*) AS n
            FROM picked JOIN frequent USING (key, value)
            GROUP BY key, value, slot
            ORDER BY key, value, slot
            """
        )
        for key, rows in frame.groupby("key", sort=True):
            index, values = pd.factorize(rows["value"])
            tests = int(rows["tests"].iloc[0])
            yield Cells(str(key), list(values), self._matrix(index, rows, len(values)), tests)

    def _medians(self, picked: str) -> Iterator[Levels]:
        side = f"slot < {int(self.in_a.sum())}"
        frame = self._frame(
            f"""
            WITH picked AS (SELECT *, {side} AS of_a FROM ({picked}) WHERE key IS NOT NULL AND value > 0),
            frequent AS (
                SELECT key FROM picked GROUP BY key
                HAVING least(count(*) FILTER (of_a), count(*) FILTER (NOT of_a)) >= {self.settings.min_level_rows}
                ORDER BY count(*) DESC, key
                LIMIT {_MAX_KEYS}
            )
            SELECT key, of_a, slot, median(value) AS level, count(*) AS n
            FROM picked SEMI JOIN frequent USING (key)
            GROUP BY GROUPING SETS ((key, of_a), (key, of_a, slot))
            ORDER BY key, of_a DESC, slot
            """
        )
        for key, rows in frame.groupby("key", sort=True):
            whole = rows[rows["slot"].isna()].set_index("of_a")
            slots = rows[rows["slot"].notna() & (rows["n"] >= _MIN_SLOT_ROWS)]
            in_a = slots["of_a"].to_numpy(bool)
            if min(in_a.sum(), (~in_a).sum()) < _MIN_LEVELS:
                continue
            yield Levels(
                str(key),
                slots["level"].to_numpy(np.float64),
                in_a,
                (int(whole["n"][True]), int(whole["n"][False])),
                (float(whole["level"][True]), float(whole["level"][False])),
            )

    def _matrix(self, index: npt.NDArray[np.intp], rows: pd.DataFrame, height: int) -> Floats:
        """Counts by value and slot."""
        width = len(self.in_a)
        flat = index * width + rows["slot"].to_numpy()
        counted = np.bincount(flat, rows["n"].to_numpy(np.float64), height * width)
        return counted.astype(np.float64).reshape(height, width)

    def _frame(self, sql: str) -> pd.DataFrame:
        with self.store.rows(sql) as rows:
            return rows.df()


def _value(key: str) -> str:
    """What a row has of a key, as SQL."""
    if key.startswith(ATTRIBUTE):
        return f"map_extract_value({_MAP}, {literal(key.removeprefix(ATTRIBUTE))}) ->> '$'"
    return f"({COLUMNS[key]})"

"""How often each pattern of each service came, in bins of whole minutes, and the rows that show one.

The bins are as long as it takes that a range has no more than 720: so what looks at all patterns costs the same for an
hour and for a month, and what it singles out is looked at by minutes.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from logpipe.store import Store
from logpipe.store.literals import literal
from logpipe_analysis import evidence
from logpipe_analysis.buckets import MINUTE, Buckets, Floats
from logpipe_analysis.finding import Example
from logpipe_analysis.patterns import KNOWN, known_before

MAX_BINS: Final = 720

_MINUTE_US: Final = 60_000_000
_SERIES: Final = f"""
SELECT series_id, service, severity::INTEGER, into_id, CASE WHEN muted THEN '' ELSE template END
FROM pattern_series JOIN {KNOWN} USING (pattern_id)
"""

Counts = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Minutes:
    """The whole minutes of a range, cut into bins; the last may reach beyond the end."""

    since: datetime
    until: datetime
    per_bin: int

    @classmethod
    def of(cls, buckets: Buckets) -> "Minutes":
        since, until = (
            moment.replace(second=0, microsecond=0) for moment in (buckets.range.since, buckets.range.until)
        )
        return cls(since, until, max(1, -(-((until - since) // MINUTE) // MAX_BINS)))

    @property
    def count(self) -> int:
        return (self.until - self.since) // MINUTE

    @property
    def bins(self) -> int:
        return -(-self.count // self.per_bin)

    def at(self, minute: int) -> datetime:
        return self.since + minute * MINUTE

    @property
    def index(self) -> str:
        """SQL of the number of the minute of a row of `pattern_minute`."""
        return f"((epoch_us(minute) - epoch_us({literal(self.since)})) // {_MINUTE_US})::INTEGER"

    @property
    def condition(self) -> str:
        return evidence.within(self.since, self.until, "minute")


@dataclass(frozen=True, slots=True)
class Rows:
    """Events of some minutes, a minute in as many rows as it was counted in."""

    minute: Counts
    events: Counts

    @classmethod
    def together(cls, parts: Sequence["Rows"]) -> "Rows":
        if len(parts) == 1:
            return parts[0]
        return cls(np.concatenate([one.minute for one in parts]), np.concatenate([one.events for one in parts]))

    def by_minute(self, minutes: Minutes) -> Floats:
        return np.bincount(self.minute, self.events, minutes.count).astype(np.float64, copy=False)


@dataclass(frozen=True, slots=True)
class Patterns:
    """Those of one service."""

    service: str
    ids: Sequence[str]
    templates: Sequence[str]
    """Empty where the pattern is muted: it is part of the volume."""
    severities: Sequence[int]
    """The worst of each."""
    events: Floats
    """Patterns × bins."""
    rows: Sequence[Rows]
    """Of each pattern."""

    @property
    def volume(self) -> Floats:
        """All events of the service, a bin: each is counted under a pattern."""
        total: Floats = self.events.sum(axis=0)
        return total

    def volume_by_minute(self, minutes: Minutes) -> Floats:
        """All events of the service, a minute."""
        return Rows.together(self.rows).by_minute(minutes)


@dataclass(frozen=True, slots=True)
class History:
    """All patterns of a range."""

    minutes: Minutes
    services: Sequence[Patterns]

    @classmethod
    def of(cls, buckets: Buckets) -> "History":
        """As known before the end of the range."""
        minutes = Minutes.of(buckets)
        known_before(buckets.store, minutes.until)
        return cls(minutes, list(_by_service(buckets.store, minutes)))


def _by_service(store: Store, minutes: Minutes) -> Iterator[Patterns]:
    rows = _rows_by_series(store, minutes)
    members: dict[str, dict[str, list[Rows]]] = defaultdict(lambda: defaultdict(list))
    templates: dict[str, str] = {}
    worst: dict[tuple[str, str], int] = defaultdict(int)
    for series_id, service, severity, into_id, template in store.execute(_SERIES):
        if series_id in rows:
            members[service][into_id].append(rows[series_id])
            templates[into_id] = template
            worst[service, into_id] = max(worst[service, into_id], severity)
    for service, own in sorted(members.items()):
        ids = sorted(own)
        together = [Rows.together(own[into_id]) for into_id in ids]
        severities = [worst[service, into_id] for into_id in ids]
        yield Patterns(service, ids, [templates[one] for one in ids], severities, _binned(together, minutes), together)


def _rows_by_series(store: Store, minutes: Minutes) -> dict[int, Rows]:
    statement = f"SELECT series_id, {minutes.index} AS minute, events::INTEGER AS events FROM pattern_cells"
    with store.rows(f"{statement} WHERE {minutes.condition}") as found:
        series, minute, events = (np.asarray(array) for array in found.fetchnumpy().values())
    if not len(series):
        return {}
    # Small numbers are sorted by their digits, and records of 8 bytes are moved as one: both are fast.
    order = np.argsort(series.astype(np.min_scalar_type(series.max())), kind="stable")
    records = np.empty(len(order), np.dtype([("minute", np.int32), ("events", np.int32)]))
    records["minute"], records["events"] = minute, events
    records, ends = records[order], np.cumsum(np.bincount(series))
    return {
        number: Rows(records["minute"][start:end], records["events"][start:end])
        for number, (start, end) in enumerate(itertools.pairwise([0, *ends.tolist()]))
        if end > start
    }


def _binned(rows: Sequence[Rows], minutes: Minutes) -> Floats:
    """Patterns × bins."""
    of_all = Rows.together(rows)
    cell = np.repeat(np.arange(len(rows)) * minutes.bins, [len(one.minute) for one in rows])
    cell += of_all.minute // minutes.per_bin
    events = np.bincount(cell, of_all.events, len(rows) * minutes.bins).astype(np.float64, copy=False)
    return events.reshape(len(rows), minutes.bins)


def seen_before(store: Store, moment: datetime) -> set[tuple[str, str]]:
    """The patterns that came before a minute, and their services."""
    return set(
        store.execute(
            f"SELECT DISTINCT service, into_id FROM pattern_minute JOIN {KNOWN} USING (pattern_id) WHERE minute < ?",
            [moment],
        )
    )


def shown(service: str, pattern_id: str, since: datetime, until: datetime) -> str:
    """A statement for people: the events of a pattern, a minute."""
    return (
        "SELECT minute AS bucket, sum(events)::BIGINT AS events\nFROM pattern_counts\n"
        f"WHERE service = {literal(service)} AND pattern_id = {literal(pattern_id)}\n"
        f"    AND {evidence.within(since, until, 'minute')}\nGROUP BY 1\nORDER BY 1"
    )


def examples(
    buckets: Buckets, service: str, pattern_id: str, since: datetime, until: datetime, *, newest: bool = False
) -> tuple[Example, ...]:
    """The example of each of the first five minutes of a stretch that have one, or of the last."""
    stretch = evidence.within(since, until, "minute")
    places = buckets.store.execute(
        f"SELECT min(source_id), arg_min(source_pos, (source_id, source_pos)) FROM pattern_minute JOIN {KNOWN} "
        f"USING (pattern_id) WHERE service = ? AND into_id = ? AND {stretch} "
        f"GROUP BY minute ORDER BY minute {'DESC' if newest else ''} LIMIT 5",
        [service, pattern_id],
    )
    if not places:
        return ()
    listed = ", ".join(f"({int(source_id)}, {int(position)})" for source_id, position in places)
    condition = f"{evidence.within(since, until + timedelta(minutes=1))} AND (source_id, source_pos) IN ({listed})"
    return evidence.examples(buckets.store, condition, distinct=False)

"""How often each pattern of each service came, in bins of whole minutes, and the rows that show one.

The bins are as long as it takes that a range has no more than 720: so what looks at all patterns costs the same for an
hour and for a month, and what it singles out is looked at by minutes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from logpipe.store.literals import literal
from logpipe_analysis import evidence
from logpipe_analysis.buckets import MINUTE, Buckets, Floats
from logpipe_analysis.finding import Example
from logpipe_analysis.patterns import KNOWN, known_before

MAX_BINS: Final = 720

_MINUTE_US: Final = 60_000_000


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

    def index(self, per_bin: int) -> str:
        """SQL of the bin of a row of `pattern_minute`."""
        return f"((epoch_us(minute) - epoch_us({literal(self.since)})) // {per_bin * _MINUTE_US})::INTEGER"

    @property
    def condition(self) -> str:
        return evidence.within(self.since, self.until, "minute")


@dataclass(frozen=True, slots=True)
class Patterns:
    """Those of one service."""

    service: str
    ids: Sequence[str]
    templates: Sequence[str]
    severities: Sequence[int]
    """The worst of each."""
    events: Floats
    """Patterns × bins."""

    @property
    def volume(self) -> Floats:
        """All events of the service, a bin: each is counted under a pattern."""
        total: Floats = self.events.sum(axis=0)
        return total


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
        return cls(minutes, list(_by_service(buckets, minutes)))


def _by_service(buckets: Buckets, minutes: Minutes) -> Iterator[Patterns]:
    """The patterns of each service, those that are muted too: they are part of the volume, and have no template."""
    counted = f"FROM pattern_minute JOIN {KNOWN} USING (pattern_id)"
    frame = buckets.frame(
        "SELECT service, into_id, any_value(CASE WHEN NOT muted THEN template ELSE '' END) AS template, "
        f"max(severity)::INTEGER AS severity {counted} WHERE {minutes.condition} "
        "GROUP BY service, into_id ORDER BY service, into_id"
    )
    # Names are numbers from here on: there may be millions of bins.
    cells = buckets.frame(
        f"WITH numbers AS (SELECT service, into_id, row_number() OVER (ORDER BY service, into_id) - 1 AS number "
        f"FROM (SELECT DISTINCT service, into_id {counted} WHERE {minutes.condition})) "
        f"SELECT number, {minutes.index(minutes.per_bin)} AS bin, sum(events)::DOUBLE AS events "
        f"{counted} JOIN numbers USING (service, into_id) WHERE {minutes.condition} GROUP BY number, bin"
    )
    events = np.zeros((len(frame), minutes.bins))
    events[cells["number"].to_numpy(), cells["bin"].to_numpy()] = cells["events"].to_numpy()
    for service, rows in frame.groupby("service", sort=True):
        severities = [int(worst) for worst in rows["severity"]]
        yield Patterns(str(service), list(rows["into_id"]), list(rows["template"]), severities, events[rows.index])


def by_minute(buckets: Buckets, minutes: Minutes, service: str, pattern_id: str | None = None) -> Floats:
    """Events a minute of a service, or of one of its patterns."""
    of_pattern = f" AND into_id = {literal(pattern_id)}" if pattern_id else ""
    frame = buckets.frame(
        f"SELECT {minutes.index(1)} AS i, sum(events)::DOUBLE AS events FROM pattern_minute JOIN {KNOWN} "
        f"USING (pattern_id) WHERE service = {literal(service)}{of_pattern} AND {minutes.condition} GROUP BY i"
    )
    events = np.zeros(minutes.count)
    events[frame["i"].to_numpy()] = frame["events"].to_numpy()
    return events


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

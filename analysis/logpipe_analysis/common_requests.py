"""The rows that findings are about, from a common moment on: what is in them is read once for all of the findings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from logpipe.store import Store
from logpipe.store.literals import literal
from logpipe_analysis.evidence import within
from logpipe_analysis.place import Place


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one place up to, not including, `until`."""

    place: Place
    until: datetime
    condition: str = "true"
    """Which of them, as SQL over `events`."""


@dataclass(frozen=True, slots=True)
class Shared:
    """Requests of one kind of rows, of another, and in both."""

    first: int
    second: int
    both: int
    later: bool
    """Whether of most that are in both the second's rows come first."""

    @property
    def fewer(self) -> int:
        return min(self.first, self.second)

    @property
    def either(self) -> int:
        return self.first + self.second - self.both


def shared(store: Store, since: datetime, pairs: Sequence[tuple[Rows, Rows]]) -> list[Shared]:
    """Of each pair, the requests in its rows from a moment on, by one statement.

    It joins each request once with what else it is in, so its cost grows with the rows, and not with the pairs.
    """
    numbers = {rows: number for number, rows in enumerate(dict.fromkeys(chain.from_iterable(pairs)))}
    if not numbers:
        return []
    found = store.execute(
        f"""
        WITH requests AS MATERIALIZED (
            SELECT number, request, min(ts) AS ts
            FROM ({_read(since, list(numbers), "ts, unnest([trace_id, request_id]) AS request")})
            WHERE request IS NOT NULL
            GROUP BY number, request
        )
        SELECT one.number, other.number, count(*), avg((other.ts < one.ts)::INTEGER) > 0.5
        FROM requests AS one JOIN requests AS other USING (request)
        GROUP BY ALL
        """
    )
    counted = {(one, other): (count, later) for one, other, count, later in found}

    def of(one: Rows, other: Rows) -> Shared:
        first, second = numbers[one], numbers[other]
        own = [counted.get((number, number), (0, False))[0] for number in (first, second)]
        both, later = counted.get((first, second), (0, False))
        return Shared(own[0], own[1], both, later)

    return [of(one, other) for one, other in pairs]


def exceptions(store: Store, since: datetime, every: Sequence[Rows]) -> list[list[tuple[str, int]]]:
    """The exceptions in each of these rows from a moment on, and how often; the most frequent first."""
    found: list[list[tuple[str, int]]] = [[] for _ in every]
    if every:
        rows = store.execute(
            f"SELECT number, exception_type, count(*) FROM ({_read(since, every, 'exception_type')}) "
            "WHERE exception_type IS NOT NULL GROUP BY ALL ORDER BY 3 DESC, 2"
        )
        for number, name, count in rows:
            found[number].append((name, count))
    return found


def _read(since: datetime, every: Sequence[Rows], columns: str) -> str:
    """Columns of the events, with the number of the rows that they are in: a scan for each different condition."""
    conditions: dict[str, list[str]] = {}
    for number, rows in enumerate(every):
        service, environment = literal(rows.place.service), literal(rows.place.environment)
        listed = f"({number}, {service}, {environment}::VARCHAR, {literal(rows.until)})"  # a NULL alone has no type
        conditions.setdefault(rows.condition, []).append(listed)
    stretch = within(since, max(rows.until for rows in every))
    return " UNION ALL ".join(
        f"SELECT number, {columns} FROM events "
        f"JOIN (VALUES {', '.join(listed)}) AS asked(number, own_service, own_environment, until) "
        "ON service = own_service AND environment IS NOT DISTINCT FROM own_environment AND ts < until "
        f"WHERE {stretch} AND {condition}"
        for condition, listed in conditions.items()
    )

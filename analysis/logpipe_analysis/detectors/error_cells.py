"""Whose errors are counted: a service as a whole, its streams, its operations, its loggers and its patterns.

Errors are records of severity ERROR or above, or responses of status 500 or above, whichever are more: a request that
fails is often logged as both.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from logpipe.store.literals import literal
from logpipe_analysis.buckets import Buckets, Integers, by_place
from logpipe_analysis.cells import Cells
from logpipe_analysis.place import Place
from logpipe_analysis.settings import ErrorSpikeSettings

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ErrorCell:
    """Whose errors, and the volume that they are measured by.

    The arrays have one value a bucket and are made at each call: there may be thousands of cells.
    """

    place: Place
    column: str | None
    """stream, operation, logger or template; None for the whole service."""
    name: str | None
    """Its value there."""
    first: int
    """The bucket of the range that the arrays begin at: the service's first."""
    errors: Callable[[], Floats]
    volume: Callable[[], Floats]
    timed: bool
    """Whether time stands for the volume, one a bucket: the service's log is mostly silent."""


def error_cells(buckets: Buckets, settings: ErrorSpikeSettings) -> Iterator[ErrorCell]:
    """The cells of each service with enough errors; one that holds the very errors of another is left out."""
    errors_of = buckets.cells.totals(buckets.cells.errors) + buckets.cells.totals(buckets.cells.served)
    if not errors_of.any():
        return
    events_of = buckets.cells.totals(buckets.cells.events)
    named = [dict(by_place(table)) for table in _tables(buckets, settings)]
    for place, keys in buckets.places():
        if not errors_of[keys].any():
            continue
        whole = buckets.cells.series(keys)
        first = int(np.flatnonzero(whole)[0])
        # A log that is mostly silent, as a database's: its lines are no measure of its work, but time is.
        timed = bool((whole[first:] > 0).mean() < settings.min_presence)
        of_service = partial(np.ones, len(whole) - first) if timed else partial(_events, buckets.cells, keys, first)
        seen: set[bytes] = set()
        rolled = _rolled(buckets.cells, keys, errors_of, settings.min_errors, first)
        listed = _listed(buckets, [table[place] for table in named if place in table], first)
        for column, name, counted, own in itertools.chain(rolled, listed):
            errors = counted()
            at = np.flatnonzero(errors)
            key = at.tobytes() + errors[at].tobytes()
            if errors.sum() >= settings.min_errors and key not in seen:
                seen.add(key)
                # Where only failures name their operation, the service's volume stands in for the operation's.
                by_own = column == "operation" and events_of[own].sum() >= 2 * errors.sum()
                volume = partial(_events, buckets.cells, own, first) if by_own else of_service
                yield ErrorCell(place, column, name, first, counted, volume, timed and not by_own)


def _events(cells: Cells, keys: Integers, first: int) -> Floats:
    return cells.series(keys)[first:]


def _errors(cells: Cells, keys: Integers, first: int) -> Floats:
    return np.maximum(*(cells.series(keys, weights)[first:] for weights in (cells.errors, cells.served)))


_Errors = tuple[str | None, str | None, Callable[[], Floats], Integers]
"""Column, name, errors a bucket, and the keys where there are some."""


def _rolled(cells: Cells, keys: Integers, errors_of: Floats, least: float, first: int) -> Iterator[_Errors]:
    """The service as a whole, then its streams and operations, that have errors enough; `errors_of` is of each key."""
    groups: list[tuple[str | None, str | None, Integers]] = [(None, None, keys)]
    for part in ("stream", "operation"):
        groups += [(part, name, own) for (name,), own in cells.by((part,), keys).items() if name]
    for column, name, own in groups:
        if errors_of[own].sum() >= least:
            yield column, name, partial(_errors, cells, own, first), own


def _listed(buckets: Buckets, tables: Sequence[pd.DataFrame], first: int) -> Iterator[_Errors]:
    """Each logger and each pattern."""
    for table in tables:
        for column in ("logger", "template"):
            if column in table:
                for name, part in table.groupby(column):
                    if name:
                        yield column, str(name), partial(buckets.dense, part["i"], part["logged"], first), np.arange(0)


def _tables(buckets: Buckets, settings: ErrorSpikeSettings) -> list[pd.DataFrame]:
    least, most = settings.min_errors, settings.max_names
    statements = [_LOGGERS] if buckets.brief else [_LOGGERS, _PATTERNS]  # patterns are counted by the minute
    places = ", ".join(f"({literal(place.service)}, {literal(place.environment)})" for place, _ in buckets.places())
    names = {"places": places, "index": buckets.index("ts"), "range": buckets.within("ts")}
    minutes = {"minute_index": buckets.index("minute"), "minutes": buckets.within("minute")}
    return [buckets.frame(one.format(**names, **minutes, least=least, most=most)) for one in statements]


# Errors are few, so that counting those of a logger from the events costs less than a column in the roll-up.
_LOGGERS = """
WITH errors AS (
    SELECT service, environment, logger, {index} AS i, count(*)::DOUBLE AS logged
    FROM events
    WHERE severity >= 17 AND logger IS NOT NULL AND {range}
    GROUP BY ALL
),
named AS (
    SELECT service, logger
    FROM errors
    GROUP BY service, logger
    HAVING sum(logged) >= {least}
    QUALIFY row_number() OVER (PARTITION BY service ORDER BY sum(logged) DESC, logger) <= {most}
)
SELECT * FROM errors JOIN named USING (service, logger) ORDER BY ALL
"""

# A pattern's environment is not counted: where a service runs in several, its patterns are left to the others.
_PATTERNS = """
WITH places AS (
    SELECT service, any_value(environment) AS environment
    FROM (VALUES {places}) AS known(service, environment)
    GROUP BY service
    HAVING count(*) = 1
),
errors AS (
    SELECT service, pattern_id, {minute_index} AS i, sum(events)::DOUBLE AS logged
    FROM pattern_minute
    WHERE severity >= 17 AND {minutes}
    GROUP BY ALL
),
named AS (
    SELECT service, pattern_id
    FROM errors
    GROUP BY service, pattern_id
    HAVING sum(logged) >= {least}
    QUALIFY row_number() OVER (PARTITION BY service ORDER BY sum(logged) DESC, pattern_id) <= {most}
)
SELECT service, environment, template, i, logged
FROM errors
JOIN named USING (service, pattern_id)
JOIN places USING (service)
JOIN patterns USING (pattern_id)
ORDER BY ALL
"""

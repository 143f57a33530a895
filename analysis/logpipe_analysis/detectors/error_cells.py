"""Whose errors are counted: a service as a whole, its streams, its operations, its loggers and its patterns.

Errors are records of severity ERROR or above, or responses of status 500 or above, whichever are more: a request that
fails is often logged as both.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from logpipe_analysis.buckets import Buckets, Place, by_place
from logpipe_analysis.evidence import LOGGED, SERVED
from logpipe_analysis.settings import ErrorSpikeSettings

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ErrorCell:
    """Errors a bucket, and the volume that they are measured by."""

    place: Place
    name: str | None
    """Operation, stream, logger or pattern; None for the whole service."""
    first: int
    """The bucket of the range that the arrays begin at: the service's first."""
    errors: Floats
    volume: Floats


def error_cells(buckets: Buckets, settings: ErrorSpikeSettings) -> Iterator[ErrorCell]:
    """The cells of each service with enough errors; one that holds the very errors of another is left out."""
    tables = [dict(by_place(table)) for table in _tables(buckets, settings)]
    for place, rows in by_place(_volumes(buckets)):
        if place not in tables[0]:
            continue
        first = int(rows["i"].min())
        volume = buckets.dense(rows["i"], rows["events"], first)
        if (volume > 0).mean() < settings.min_presence:
            # A log that is mostly silent, as a database's: its lines are no measure of its work, but time is.
            volume = np.ones_like(volume)
        seen: set[bytes] = set()
        for name, part in _parts([table[place] for table in tables if place in table]):
            cell = _cell(buckets, place, name, part, volume, first)
            key = cell.errors.tobytes()
            if cell.errors.sum() >= settings.min_errors and key not in seen:
                seen.add(key)
                yield cell


def _parts(tables: list[pd.DataFrame]) -> Iterator[tuple[str | None, pd.DataFrame]]:
    """The service as a whole, from the first table, and each name of each column of names."""
    yield None, tables[0]
    for table in tables:
        for column in ("stream", "operation", "logger", "template"):
            if column in table:
                for name, part in table.groupby(column):
                    if name:
                        yield str(name), part


def _cell(
    buckets: Buckets, place: Place, name: str | None, part: pd.DataFrame, volume: Floats, first: int
) -> ErrorCell:
    logged, served = (buckets.dense(part["i"], part[column], first) for column in ("logged", "served"))
    errors = np.maximum(logged, served)
    own = buckets.dense(part["i"], part["own_volume"], first) if "own_volume" in part else np.zeros(0)
    # Where only failures name their operation, the service's volume stands in for the operation's.
    return ErrorCell(place, name, first, errors, own if own.sum() >= 2 * errors.sum() else volume)


def _volumes(buckets: Buckets) -> pd.DataFrame:
    return buckets.frame(
        f"SELECT service, environment, i, sum(events)::DOUBLE AS events FROM {buckets.counts} GROUP BY ALL ORDER BY ALL"
    )


def _tables(buckets: Buckets, settings: ErrorSpikeSettings) -> list[pd.DataFrame]:
    least, most = settings.min_errors, settings.max_names
    statements = [_STREAMS, _OPERATIONS, _LOGGERS]
    if not buckets.brief:  # patterns are counted by the minute
        statements.append(_PATTERNS)
    names = {"counts": buckets.counts, "index": buckets.index("ts"), "range": buckets.within("ts")}
    minutes = {"minute_index": buckets.index("minute"), "minutes": buckets.within("minute")}
    return [buckets.frame(one.format(**names, **minutes, least=least, most=most)) for one in statements]


_STREAMS = f"""
SELECT service, environment, coalesce(stream, '') AS stream, i, {LOGGED}::DOUBLE AS logged, {SERVED}::DOUBLE AS served
FROM {{counts}}
WHERE severity >= 17 OR server_errors > 0
GROUP BY ALL
ORDER BY ALL
"""

_OPERATIONS = f"""
SELECT service, environment, operation, i, {LOGGED}::DOUBLE AS logged, {SERVED}::DOUBLE AS served,
    sum(events)::DOUBLE AS own_volume
FROM {{counts}}
WHERE operation IS NOT NULL AND (service, operation) IN (
    SELECT (service, operation)
    FROM {{counts}}
    WHERE operation IS NOT NULL
    GROUP BY service, operation
    HAVING {LOGGED} + {SERVED} >= {{least}}
)
GROUP BY ALL
ORDER BY ALL
"""

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
SELECT *, 0.0 AS served FROM errors JOIN named USING (service, logger) ORDER BY ALL
"""

# A pattern's environment is not counted: where a service runs in several, its patterns are left to the others.
_PATTERNS = """
WITH places AS (
    SELECT service, any_value(environment) AS environment
    FROM {counts}
    GROUP BY service
    HAVING count(DISTINCT coalesce(environment, '')) = 1
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
SELECT service, environment, template, i, logged, 0.0 AS served
FROM errors
JOIN named USING (service, pattern_id)
JOIN places USING (service)
JOIN patterns USING (pattern_id)
ORDER BY ALL
"""

"""What the store holds, how far it is behind the files, and what went wrong: figures for a person or a program."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from logpipe.store import Store
from logpipe.store.lag import Lag, lags
from logpipe.store.volume import Volume, measure

_STREAMS: Final = """
SELECT stream, count(*) AS events, sum(bytes)::BIGINT AS bytes, min(ts) FILTER (isfinite(ts)) AS oldest,
    max(ts) FILTER (isfinite(ts)) AS newest
FROM events GROUP BY stream ORDER BY bytes DESC
"""

_SOURCES: Final = """
SELECT source_id, path, state, format, position, lines, events, rejects, coalesce(expired, 0)::BIGINT AS expired, bytes,
    coalesce(gaps, 0)::BIGINT AS gaps, coalesce(lost_bytes, 0)::BIGINT AS lost_bytes, last_read_at
FROM sources
LEFT JOIN (
    SELECT source_id, max(to_pos)::BIGINT AS position, sum(lines)::BIGINT AS lines, sum(events)::BIGINT AS events,
        sum(rejects)::BIGINT AS rejects, sum(to_pos - from_pos)::BIGINT AS bytes, max(committed_at) AS last_read_at
    FROM ledger GROUP BY source_id
) USING (source_id)
LEFT JOIN (SELECT source_id, sum(events + rejects) AS expired FROM expired GROUP BY source_id) USING (source_id)
LEFT JOIN (
    SELECT source_id, count(*) AS gaps, sum(to_pos - from_pos) AS lost_bytes
    FROM gaps GROUP BY source_id
) USING (source_id)
ORDER BY bytes DESC NULLS LAST, source_id
"""

_REJECTS: Final = """
SELECT reason, count(*) AS lines, sum(bytes)::BIGINT AS bytes, max(rejected_at) AS latest
FROM rejects GROUP BY reason ORDER BY lines DESC, reason
"""

_GAPS: Final = """
SELECT reason, count(*) AS gaps, coalesce(sum(to_pos - from_pos), 0)::BIGINT AS bytes, max(detected_at) AS latest
FROM gaps GROUP BY reason ORDER BY gaps DESC, reason
"""

_ROLLUPS: Final = """
SELECT 'rollup_minute' AS "table", count(*) AS rows, count(DISTINCT minute) AS minutes, min(minute) AS oldest
FROM rollup_minute
UNION ALL SELECT 'latency_histogram', count(*), count(DISTINCT minute), min(minute) FROM latency_histogram
UNION ALL SELECT 'pattern_cells', count(*), count(DISTINCT minute), min(minute) FROM pattern_cells
"""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stats:
    """The figures of one moment; each list is of rows with the same keys."""

    volume: Volume
    streams: list[Row]
    sources: list[Row]
    rejects: list[Row]
    gaps: list[Row]
    rollups: list[Row]

    @property
    def lag_bytes(self) -> int:
        """Bytes of all sources that stand in files and are not in the store."""
        return sum(row["lag_bytes"] for row in self.sources)


def stats(store: Store) -> Stats:
    """The figures of the store as it is now; the lag is by the files as they are now, where they can be seen.

    Raises:
        StoreError: a statement was refused.
    """
    behind = lags(store)
    return Stats(
        measure(store),
        _rows(store, _STREAMS),
        [_with_lag(row, behind.get(row["source_id"], Lag())) for row in _rows(store, _SOURCES)],
        _rows(store, _REJECTS),
        _rows(store, _GAPS),
        _rows(store, _ROLLUPS),
    )


def _rows(store: Store, statement: str) -> list[Row]:
    names = [name for name, *_ in store.execute(f"DESCRIBE {statement}")]
    return [dict(zip(names, row, strict=True)) for row in store.execute(statement)]


def _with_lag(row: Row, lag: Lag) -> Row:
    return {**row, "lag_bytes": lag.bytes, "lag_s": round(lag.seconds, 3)}

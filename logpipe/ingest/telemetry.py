"""What an ingest tells of itself: what it did for each source, how long that took, and how far behind it is."""

import logging
import time
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from typing import Final, NamedTuple

import pyarrow as pa

from logpipe.ingest.files.source import Span
from logpipe.store import Store
from logpipe.store.patience import waiting_for_memory

EVERY_S: Final = 60.0
"""How often the store is told while following."""

MOST_ROWS: Final = 100_000
"""Past so many rows the older half is summed into one."""

_SUMS: Final = "sum(bytes), sum(lines), sum(rejects), sum(batches), sum(batch_s), sum(commit_s), max(slowest_commit_s)"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Work:
    """What was done for one source since it was last told."""

    bytes: int = 0
    lines: int = 0
    rejects: int = 0
    batches: int = 0
    batch_s: float = 0.0
    commit_s: float = 0.0
    slowest_commit_s: float = 0.0


class Times(NamedTuple):
    """Seconds that a batch took."""

    batch_s: float
    """To make rows of its lines."""
    commit_s: float
    """From then on, until they were known to be in the store."""


class Telemetry:
    """Counts, and tells the store once a minute; what could not be told is told the next time."""

    def __init__(self) -> None:
        self._work: dict[int, Work] = {}
        self._behind: dict[int, tuple[int, float]] = {}
        self._told = time.monotonic()

    def count(self, span: Span, rejects: int, times: Times) -> None:
        """Take note of a batch that was committed."""
        work = self._work.setdefault(span.source_id, Work())
        work.bytes += span.to_pos - span.from_pos
        work.lines += span.lines
        work.rejects += rejects
        work.batches += 1
        work.batch_s += times.batch_s
        work.commit_s += times.commit_s
        work.slowest_commit_s = max(work.slowest_commit_s, times.commit_s)

    def behind(self, unread: Iterable[tuple[int, int]]) -> None:
        """Take note of the sources that a sweep left with unread bytes, and of how many; the others are level."""
        now = time.monotonic()
        before = self._behind
        self._behind = {
            source_id: (size, before[source_id][1] if source_id in before else now) for source_id, size in unread
        }

    def tell(self, store: Store, *, at_once: bool) -> None:
        """Write down what was counted, once a minute or `at_once`.

        Raises:
            StoreError: the store refused; each figure is in it once, now or the next time.
        """
        now = time.monotonic()
        if (not at_once and now - self._told < EVERY_S) or not (self._work or self._behind):
            return
        _insert(store, self._rows(now))
        rejects = {source_id: work.rejects for source_id, work in self._work.items() if work.rejects}
        self._work, self._told = {}, now  # before anything else can fail: what is in the store is not told again
        _log_rejects(store, rejects)

    def _rows(self, now: float) -> pa.Table:
        minute = datetime.now(UTC).replace(second=0, microsecond=0)
        ids = list(self._work | dict.fromkeys(self._behind))
        columns = list(zip(*(astuple(self._work.get(source_id, Work())) for source_id in ids), strict=True))
        lags = [self._behind.get(source_id, (0, now)) for source_id in ids]
        return pa.table(
            {
                "minute": pa.array([minute] * len(ids), pa.timestamp("us", "UTC")),
                "source_id": pa.array(ids, pa.int32()),
                **{field.name: list(column) for field, column in zip(fields(Work), columns, strict=True)},
                "lag_bytes": [size for size, _ in lags],
                "lag_s": [now - since for _, since in lags],
            }
        )


@waiting_for_memory
def _insert(store: Store, rows: pa.Table) -> None:
    with store.transaction() as connection:
        connection.register("new_telemetry", rows)
        connection.execute("INSERT INTO telemetry BY NAME FROM new_telemetry")
        connection.unregister("new_telemetry")
        [(count,)] = connection.execute("SELECT count(*) FROM telemetry").fetchall()
        if count > MOST_ROWS:
            _sum_up(store, count - MOST_ROWS // 2)


def _sum_up(store: Store, count: int) -> None:
    """Make one row, without minute and source, of the oldest ones."""
    store.execute(
        "CREATE OR REPLACE TEMP TABLE oldest AS "
        f"SELECT rowid AS id FROM telemetry ORDER BY minute NULLS FIRST, rowid LIMIT {count}"
    )
    store.execute(
        f"INSERT INTO telemetry SELECT NULL, NULL, {_SUMS}, 0, 0 FROM telemetry WHERE rowid IN (SELECT id FROM oldest)"
    )
    store.execute("DELETE FROM telemetry WHERE rowid IN (SELECT id FROM oldest)")
    store.execute("DROP TABLE oldest")


def _log_rejects(store: Store, rejects: dict[int, int]) -> None:
    """One line a source; the reasons are those of the last lines that were rejected."""
    if not (rejects and log.isEnabledFor(logging.WARNING)):
        return
    paths = dict(
        store.execute("SELECT source_id, path FROM sources WHERE list_contains(?, source_id)", [list(rejects)])
    )
    for source_id, count in rejects.items():
        reasons = store.execute(
            "SELECT reason, count(*) FROM (FROM rejects WHERE source_id = ? ORDER BY rowid DESC LIMIT ?) GROUP BY ALL",
            [source_id, count],
        )
        log.warning(
            "%d lines rejected",
            count,
            extra={"event": "lines_rejected", "source": paths.get(source_id), "reasons": dict(reasons)},
        )

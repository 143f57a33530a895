"""Metrics of a store, in Prometheus' text format."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from logpipe.record import ERROR_SEVERITY
from logpipe.store import Store
from logpipe.store.lag import lags
from logpipe_shippers.prometheus import burn
from logpipe_shippers.prometheus.families import FAMILIES, Family, LatencyFamily
from logpipe_shippers.prometheus.latencies import Exemplars, exemplars, histogram
from logpipe_shippers.prometheus.objectives import Objective
from logpipe_shippers.prometheus.statements import statement

MOST_OPERATIONS: Final = 100
MOST_SOURCES: Final = 100
MOST_PATTERNS: Final = 100


@dataclass(frozen=True, slots=True)
class Limits:
    """How many names become label values; the rest is exported as `other`."""

    operations: int = MOST_OPERATIONS
    """Of a service and kind (http, db, event), the first ones seen."""
    services: int = 50
    """The first ones seen."""
    sources: int = MOST_SOURCES
    """Log files, with all that they were rotated to; the first ones seen."""
    patterns: int = MOST_PATTERNS
    """Of the errors of a service, the first ones mined."""


class StoreCollector(Collector):
    """The metrics of `store`, collected anew at each scrape, from one snapshot."""

    def __init__(
        self,
        store: Store,
        limits: Limits | None = None,
        objectives: Sequence[Objective] = (),
        *,
        traced: bool = False,
        now: datetime | None = None,
    ) -> None:
        """`traced` adds exemplars, which the text format leaves out; `now` is when the windows of objectives end."""
        self._store = store
        self._limits = limits or Limits()
        self._objectives = objectives
        self._traced = traced
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """All families with their series.

        Raises:
            StoreError: a statement was refused.
        """
        with self._store.transaction():
            self._prepare()
            traced: Exemplars = exemplars(self._store) if self._traced else {}
            for family in FAMILIES:
                if isinstance(family, LatencyFamily):
                    yield histogram(self._store, family, traced)
                else:
                    yield _numbers(self._store, family)
            yield from burn.metrics(self._store, self._objectives, self._now)
            yield from _lags(self._store)
        yield from self._about_the_export()

    def _prepare(self) -> None:
        """The temporary tables that the statements of the families read."""
        self._store.execute(statement("label_value"))
        self._store.execute(statement("export_counts"))
        self._store.execute(statement("export_latencies"))
        self._store.execute(statement("export_services"), {"services": self._limits.services})
        self._store.execute(statement("export_operations"), {"operations": self._limits.operations})
        self._store.execute(statement("export_sources"), {"sources": self._limits.sources})
        self._store.execute(statement("export_patterns"), {"patterns": self._limits.patterns, "error": ERROR_SEVERITY})

    def _about_the_export(self) -> Iterator[Metric]:
        yield up(1)
        yield GaugeMetricFamily(
            "logpipe_export_operations_limit",
            "Operations of a service and kind that are exported by name.",
            self._limits.operations,
        )
        yield GaugeMetricFamily(
            "logpipe_export_sources_limit", "Log files that are exported by name.", self._limits.sources
        )
        yield GaugeMetricFamily(
            "logpipe_export_patterns_limit",
            "Patterns of errors of a service that are exported by name.",
            self._limits.patterns,
        )
        size = _size(self._store.url)
        if size is not None:
            yield GaugeMetricFamily("logpipe_store_size_bytes", "Size of the database file and its log.", size)


def up(value: int) -> Metric:
    """Whether there are metrics behind it."""
    return GaugeMetricFamily("logpipe_up", "1 where the database could be read, else 0.", value)


def exposition(store: Store, limits: Limits | None = None, objectives: Sequence[Objective] = ()) -> bytes:
    """The metrics of `store` in Prometheus' text format 0.0.4.

    Raises:
        StoreError: a statement was refused.
    """
    return generate_latest(StoreCollector(store, limits, objectives))


def _numbers(store: Store, family: Family) -> Metric:
    made = CounterMetricFamily if family.type == "counter" else GaugeMetricFamily
    metric = made(family.name, family.documentation, labels=family.labels)
    for *labels, value in store.execute(statement(family.statement), dict(family.parameters)):
        metric.add_metric(labels, value)
    return metric


def _lags(store: Store) -> Iterator[Metric]:
    """How far the store is behind each log file: the bytes of all its generations, and the longest of their waits."""
    size = GaugeMetricFamily(
        "logpipe_source_lag_bytes", "Bytes that stand in the file and are not in the store.", labels=("source",)
    )
    seconds = GaugeMetricFamily(
        "logpipe_source_lag_seconds",
        "Seconds since something was last read of a file with unread bytes.",
        labels=("source",),
    )
    behind = lags(store)
    named = store.execute("SELECT label, list(source_id) FROM export_sources GROUP BY label ORDER BY label")
    for label, source_ids in named:
        found = [behind[source_id] for source_id in source_ids if source_id in behind]
        size.add_metric([label], sum(lag.bytes for lag in found))
        seconds.add_metric([label], max((lag.seconds for lag in found), default=0.0))
    yield size
    yield seconds


def _size(url: str) -> int | None:
    """Bytes of the database file and of its write-ahead log; None where the store is no file."""
    files = [path for path in (Path(url), Path(f"{url}.wal")) if path.is_file()]
    return sum(path.stat().st_size for path in files) if files else None

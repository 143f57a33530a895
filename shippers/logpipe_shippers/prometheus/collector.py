"""Metrics of a store, in Prometheus' text format."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import Final

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from logpipe.store import Store
from logpipe.store.lag import lags
from logpipe_shippers.prometheus.families import FAMILIES, Family, LatencyFamily

_OCTAVES: Final = 17
BOUNDS: Final = (*(str(2.0**octave / 1000) for octave in range(_OCTAVES)), "+Inf")
"""The `le` of the buckets, in seconds: 1 ms to 65.536 s by powers of two, where the stored counts are exact."""

_METHOD_AND_ROUTE = re.compile(r"(?:([A-Za-z-]{1,20}) )?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many names become label values; the rest is exported as `other`."""

    operations: int = 100
    """Of a service and kind (http, db, event), the first ones seen."""
    services: int = 50
    """The first ones seen."""
    sources: int = 100
    """Log files, with all that they were rotated to; the first ones seen."""


class StoreCollector(Collector):
    """The metrics of `store`, collected anew at each scrape, from one snapshot."""

    def __init__(self, store: Store, limits: Limits | None = None) -> None:
        self._store = store
        self._limits = limits or Limits()

    def collect(self) -> Iterator[Metric]:
        """All families with their series.

        Raises:
            StoreError: a statement was refused.
        """
        # A cursor has temporary tables and a transaction of its own, so that scrapes may overlap.
        with Store(self._store.connection.cursor(), self._store.url, read_only=True) as store, store.transaction():
            store.execute(_statement("label_value"))
            store.execute(_statement("export_services"), {"services": self._limits.services})
            store.execute(_statement("export_operations"), {"operations": self._limits.operations})
            store.execute(_statement("export_sources"), {"sources": self._limits.sources})
            for family in FAMILIES:
                yield _latencies(store, family) if isinstance(family, LatencyFamily) else _numbers(store, family)
            yield from _lags(store)
        yield from self._about_the_export()

    def _about_the_export(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "logpipe_export_operations_limit",
            "Operations of a service and kind that are exported by name.",
            self._limits.operations,
        )
        yield GaugeMetricFamily(
            "logpipe_export_sources_limit", "Log files that are exported by name.", self._limits.sources
        )
        size = _size(self._store.url)
        if size is not None:
            yield GaugeMetricFamily("logpipe_store_size_bytes", "Size of the database file and its log.", size)


def exposition(store: Store, limits: Limits | None = None) -> bytes:
    """The metrics of `store` in Prometheus' text format 0.0.4.

    Raises:
        StoreError: a statement was refused.
    """
    return generate_latest(StoreCollector(store, limits))


def _numbers(store: Store, family: Family) -> Metric:
    made = CounterMetricFamily if family.type == "counter" else GaugeMetricFamily
    metric = made(family.name, family.documentation, labels=family.labels)
    for *labels, value in store.execute(_statement(family.statement), dict(family.parameters)):
        metric.add_metric(labels, value)
    return metric


def _latencies(store: Store, family: LatencyFamily) -> Metric:
    metric = HistogramMetricFamily(family.name, family.documentation, labels=("service", *family.labels))
    rows = store.execute(_statement("latency"), {"kind": family.operation_kind})
    for (service, operation), octaves in groupby(rows, key=lambda row: (row[0], row[1])):
        buckets, sum_seconds = _cumulative((octave, events, seconds) for _, _, octave, events, seconds in octaves)
        names = _split(operation) if family.operation_kind == "http" else (operation,)
        metric.add_metric([service, *names], buckets, sum_seconds)
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


def _cumulative(octaves: Iterable[tuple[int, int, float]]) -> tuple[list[tuple[str, float]], float]:
    """The cumulative buckets and the sum of one series, of its (octave, events, seconds)."""
    counts = [0] * len(BOUNDS)
    sum_seconds = 0.0
    for octave, events, seconds in octaves:
        counts[octave] = events
        sum_seconds += seconds
    buckets: list[tuple[str, float]] = []
    total = 0
    for bound, count in zip(BOUNDS, counts, strict=True):
        total += count
        buckets.append((bound, total))
    return buckets, sum_seconds


def _split(operation: str) -> tuple[str, str]:
    """The method, empty where there is none, and the route of an HTTP operation, as the SQL of the counters does."""
    found = _METHOD_AND_ROUTE.fullmatch(operation)
    assert found is not None
    return found[1] or "", found[2]


def _statement(name: str) -> str:
    return (resources.files(__package__) / "sql" / f"{name}.sql").read_text()


def _size(url: str) -> int | None:
    """Bytes of the database file and of its write-ahead log; None where the store is no file."""
    files = [path for path in (Path(url), Path(f"{url}.wal")) if path.is_file()]
    return sum(path.stat().st_size for path in files) if files else None

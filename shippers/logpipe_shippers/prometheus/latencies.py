"""Histograms of durations, with exemplars that lead from a bucket to a trace."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.samples import Exemplar

from logpipe.store import Store
from logpipe.store.rollup import named_operations
from logpipe_shippers.prometheus.families import LatencyFamily
from logpipe_shippers.prometheus.statements import statement

_OCTAVES: Final = 17
BOUNDS: Final = (*(str(2.0**octave / 1000) for octave in range(_OCTAVES)), "+Inf")
"""The `le` of the buckets, in seconds: 1 ms to 65.536 s by powers of two, where the stored counts are exact."""

EXEMPLAR_ROWS: Final = 50_000
"""The latest rows of the store, in which exemplars are looked for."""
EXEMPLAR_SPAN_S: Final = 300
"""Before the newest event in them: older ones are no exemplars."""

_METHOD_AND_ROUTE = re.compile(r"(?:([A-Za-z-]{1,20}) )?(.*)", re.DOTALL)
_LATEST: Final = "(FROM events WHERE rowid > {after})"

_Bucket = tuple[str, float] | tuple[str, float, Exemplar]
Exemplars = Mapping[tuple[str, str, str], Mapping[int, Exemplar]]
"""By service, kind and operation, then by octave."""


def exemplars(store: Store) -> Exemplars:
    """The newest traced event of each operation and bucket; the cost is bounded by `EXEMPLAR_ROWS`.

    Raises:
        StoreError: a statement was refused.
    """
    [(last,)] = store.execute("SELECT coalesce(max(rowid), 0) FROM events")
    # The number is written out, and not compared with a subquery: so the engine need not look at older rows.
    named = named_operations(_LATEST.format(after=int(last) - EXEMPLAR_ROWS))
    rows = store.execute(
        statement("exemplars").format(named=named), {"now": datetime.now(UTC), "span_s": EXEMPLAR_SPAN_S}
    )
    found: dict[tuple[str, str, str], dict[int, Exemplar]] = {}
    for service, kind, operation, octave, seconds, moment, trace_id, span_id in rows:
        ids = {"trace_id": trace_id} | ({"span_id": span_id} if span_id else {})
        found.setdefault((service, kind, operation), {})[octave] = Exemplar(ids, seconds, moment)
    return found


def histogram(store: Store, family: LatencyFamily, traced: Exemplars) -> Metric:
    """The series of a family.

    Raises:
        StoreError: a statement was refused.
    """
    metric = HistogramMetricFamily(family.name, family.documentation, labels=("service", *family.labels))
    rows = store.execute(statement("latency"), {"kind": family.operation_kind})
    for (service, operation), octaves in groupby(rows, key=lambda row: (row[0], row[1])):
        counts, sum_seconds = _counts((octave, events, seconds) for _, _, octave, events, seconds in octaves)
        buckets = _cumulative(counts, traced.get((service, family.operation_kind, operation), {}))
        names = split(operation) if family.operation_kind == "http" else (operation,)
        metric.add_metric([service, *names], buckets, sum_seconds)
    return metric


def split(operation: str) -> tuple[str, str]:
    """The method, empty where there is none, and the route of an HTTP operation, as the SQL of the counters does."""
    found = _METHOD_AND_ROUTE.fullmatch(operation)
    assert found is not None
    return found[1] or "", found[2]


def _counts(octaves: Iterable[tuple[int, int, float]]) -> tuple[list[int], float]:
    """The events of each bucket by itself, and the sum of the series, of its (octave, events, seconds)."""
    counts = [0] * len(BOUNDS)
    sum_seconds = 0.0
    for octave, events, seconds in octaves:
        counts[octave] = events
        sum_seconds += seconds
    return counts, sum_seconds


def _cumulative(counts: Iterable[int], traced: Mapping[int, Exemplar]) -> list[_Bucket]:
    buckets: list[_Bucket] = []
    total = 0
    for octave, (bound, count) in enumerate(zip(BOUNDS, counts, strict=True)):
        total += count
        buckets.append((bound, total, traced[octave]) if octave in traced else (bound, total))
    return buckets

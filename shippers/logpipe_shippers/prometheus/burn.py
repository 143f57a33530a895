"""How fast error budgets burn, over several windows at once, so that alerts may be both fast and sure.

The method is that of "Alerting on SLOs", chapter 5 of Google's Site Reliability Workbook
(https://sre.google/workbook/alerting-on-slos/): a burn rate of 1 spends the budget in just the window of the objective.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric

from logpipe.record import ERROR_SEVERITY
from logpipe.store import Store
from logpipe_shippers.prometheus.objectives import Objective
from logpipe_shippers.prometheus.statements import statement

WINDOWS: Final[Mapping[str, timedelta]] = {
    "5m": timedelta(minutes=5),
    "30m": timedelta(minutes=30),
    "1h": timedelta(hours=1),
    "2h": timedelta(hours=2),
    "6h": timedelta(hours=6),
    "1d": timedelta(days=1),
    "3d": timedelta(days=3),
}
"""Those that the Workbook's alerts compare."""

_OWN: Final = ""
"""The window of the objective itself."""
_LABELS: Final = ("objective", "service", "indicator")


@dataclass(slots=True)
class _Counts:
    """Of a window."""

    events: int = 0
    bad: int = 0

    def rate(self, objective: Objective) -> float:
        """How many times faster than sustainable; nothing burns where nothing happens."""
        return self.bad / self.events / (1 - objective.ratio) if self.events else 0.0


def metrics(store: Store, objectives: Sequence[Objective], now: datetime | None = None) -> Iterator[Metric]:
    """The series of the objectives, to the minute, as of `now`.

    Raises:
        StoreError: a statement was refused.
    """
    if not objectives:
        return
    labels = [_labels(store, objective) for objective in objectives]
    counted = _counted(store, objectives, now or datetime.now(UTC))
    asked = GaugeMetricFamily("logpipe_slo_objective_ratio", "The share that is to be good.", labels=_LABELS)
    bounds = GaugeMetricFamily(
        "logpipe_slo_latency_bound_seconds",
        "Durations up to this are known to be good: the bound of a bucket, at most the objective's.",
        labels=_LABELS,
    )
    burning = GaugeMetricFamily(
        "logpipe_slo_burn_rate",
        "How many times faster than the objective allows errors came in the window.",
        labels=(*_LABELS, "window"),
    )
    left = GaugeMetricFamily(
        "logpipe_slo_error_budget_remaining_ratio",
        "Share of the error budget of the objective's window that is left; negative where it is overspent.",
        labels=_LABELS,
    )
    events = GaugeMetricFamily(
        "logpipe_slo_window_events", "Events that count, in the objective's window.", labels=_LABELS
    )
    for objective, of, windows in zip(objectives, labels, counted, strict=True):
        asked.add_metric(of, objective.ratio)
        if objective.bound_s is not None:
            bounds.add_metric(of, objective.bound_s)
        for name in WINDOWS:
            burning.add_metric([*of, name], windows[name].rate(objective))
        left.add_metric(of, 1 - windows[_OWN].rate(objective))
        events.add_metric(of, windows[_OWN].events)
    yield from (asked, bounds, burning, left, events)


def _labels(store: Store, objective: Objective) -> list[str]:
    """The service as other families call it."""
    [(service,)] = store.execute("SELECT label_value(?)", [objective.service])
    return [objective.name, service, objective.indicator]


def _counted(store: Store, objectives: Sequence[Objective], now: datetime) -> list[dict[str, _Counts]]:
    """Of each objective its windows by name; its own is `_OWN`."""
    columns = {
        "services": [one.service for one in objectives],
        "operations": [one.operation for one in objectives],
        "routes": [one.route for one in objectives],
        "latencies": [one.latency_ms for one in objectives],
        "since": [now - one.window for one in objectives],
    }
    store.execute(statement("slo"), columns)
    counted = [{name: _Counts() for name in (*WINDOWS, _OWN)} for _ in objectives]
    longest = max(*WINDOWS.values(), *(one.window for one in objectives))
    parameters = {
        "now": now,
        "since": now - longest,
        "spans": [span.total_seconds() for span in WINDOWS.values()],
        "error": ERROR_SEVERITY,
    }
    for number, windows, within, events, bad in store.execute(statement("slo_counts"), parameters):
        for name in (*list(WINDOWS)[windows:], *([_OWN] if within else [])):
            counted[number][name].events += int(events)
            counted[number][name].bad += int(bad)
    return counted

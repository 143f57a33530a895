"""Metrics pushed to a Pushgateway, for stores that nobody can scrape: jobs that end, hosts behind a wall."""

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

from logpipe.errors import SettingError
from logpipe.store import Store
from logpipe_shippers.delivery import configuration, record
from logpipe_shippers.delivery.access import Access
from logpipe_shippers.delivery.receiver import Misconfigured, Receiver, Rejected
from logpipe_shippers.delivery.shipper import Delivery
from logpipe_shippers.prometheus import objectives
from logpipe_shippers.prometheus.collector import MOST_OPERATIONS, MOST_PATTERNS, MOST_SOURCES, Limits, exposition

_HEADERS: Final = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Settings(Access):
    """How a Pushgateway is spoken to, and of what."""

    job: str = "logpipe"
    grouping: Mapping[str, str] = field(default_factory=dict)
    """Labels beside `job` that tell this group of metrics from others."""
    interval: timedelta = timedelta(seconds=15)
    objectives: str | None = None
    """A file with tables `[[objective]]`."""
    max_operations: int = MOST_OPERATIONS
    max_sources: int = MOST_SOURCES
    max_patterns: int = MOST_PATTERNS

    def __post_init__(self) -> None:
        super(Settings, self).__post_init__()
        configuration.check_interval(self.interval)


class Pushgateway:
    """The target: all metrics of the store, which replace those of the last push (PUT) under the same job."""

    is_of_now = True

    def __init__(self, name: str, settings: Settings) -> None:
        """
        Raises:
            Misconfigured, SettingError: the address, a certificate or an objective is none.
        """
        self.name = f"pushgateway:{name}"
        self.interval_s = settings.interval.total_seconds()
        self._limits = Limits(
            operations=settings.max_operations, sources=settings.max_sources, patterns=settings.max_patterns
        )
        self._objectives = objectives.load(settings.objectives) if settings.objectives else []
        whole = settings.url.rstrip("/") + _path(settings.job, settings.grouping)
        self._receiver = Receiver(replace(settings, url=whole), "")
        self._due_at = 0.0

    def take(self, store: Store) -> bytes | None:
        """The metrics, if it is time for them."""
        if time.monotonic() < self._due_at:
            return None
        return exposition(store, self._limits, self._objectives)

    def send(self, batch: bytes) -> Delivery:
        """Put them in the place of the last ones.

        Raises:
            Unavailable, Misconfigured: they were not taken.
        """
        try:
            self._receiver.put(batch, _HEADERS)
        except Rejected as error:
            # Whole, as the next ones will be: another group of the gateway has our names, with other types.
            raise Misconfigured(f"{self._receiver.shown} {error}", remedy="choose another job or grouping") from error
        return Delivery(accepted=sum(not line.startswith(b"#") for line in batch.splitlines()))

    def settle(self, store: Store, _batch: bytes, delivery: Delivery) -> None:
        record.settled(store, self.name, delivery)
        self._due_at = time.monotonic() + self.interval_s

    def close(self) -> None:
        self._receiver.close()


def target(name: str, table: Mapping[str, Any], where: str) -> Pushgateway:
    """Of a table of a configuration file; `where` names it in errors.

    Raises:
        SettingError, Misconfigured: it says what is no setting.
    """
    return Pushgateway(name, configuration.settings(Settings, table, where))


def _path(job: str, grouping: Mapping[str, str]) -> str:
    """https://github.com/prometheus/pushgateway#url"""
    if not job:
        raise SettingError("the job of a Pushgateway has no name", reason="setting_value")
    parts = [_part("job", job), *(_part(label, value) for label, value in sorted(grouping.items()))]
    return "/metrics/" + "/".join(parts)


def _part(label: str, value: str) -> str:
    if value and "/" not in value:
        return f"{label}/{quote(value, safe='')}"
    encoded = base64.urlsafe_b64encode(value.encode()).decode() or "="
    return f"{label}@base64/{encoded}"

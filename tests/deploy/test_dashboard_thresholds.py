"""What colours a panel is what raises the alert."""

import re

import pytest

from deploy.grafana.build.boards import cache, database, ingest, machine, pipeline, postgresql, redis, system
from deploy.grafana.build.meaning import CRITICAL, ERROR_RATIO, NOTICE, REQUEST_SECONDS, WARNING, Steps
from tests.deploy.rules import alerts

STEPS: dict[str, Steps] = {
    "ApiErrorRateCritical": ERROR_RATIO,
    "ApiErrorRateHigh": ERROR_RATIO,
    "ApiErrorRateRaised": ERROR_RATIO,
    "ApiLatencyCritical": REQUEST_SECONDS,
    "ApiLatencyHigh": REQUEST_SECONDS,
    "CacheConnectionsHigh": redis.CLIENTS,
    "CacheEvictionsCritical": cache.EVICTIONS,
    "CacheEvictionsHigh": cache.EVICTIONS,
    "CacheHitRateCritical": cache.HIT_RATE,
    "CacheHitRateLow": cache.HIT_RATE,
    "CacheMemoryHigh": redis.MEMORY,
    "CacheMissRateHigh": cache.MISSES,
    "CertificateExpiresSoon": system.CERTIFICATE_S,
    "DatabaseErrorRateHigh": postgresql.ROLLBACKS,
    "DatabasePoolExhausted": postgresql.CONNECTIONS,
    "DatabasePoolHigh": postgresql.CONNECTIONS,
    "DatabaseQueryLatencyCritical": database.QUERY_SECONDS,
    "DatabaseQueryLatencyHigh": database.QUERY_SECONDS,
    "DatabaseReplicationLagCritical": postgresql.LAG_SECONDS,
    "DatabaseReplicationLagHigh": postgresql.LAG_SECONDS,
    "DatabaseSlowQueries": database.SLOW_QUERIES,
    "DatabaseThroughputHigh": postgresql.TRANSACTIONS,
    "LogpipeIngestLag": ingest.LAG,
    "LogpipeIngestStalled": ingest.LAG,
    "LogpipeRejects": pipeline.REJECTS,
    "LogpipeShipperFailing": pipeline.FAILING,
    "SystemCpuHigh": machine.CPU,
    "SystemDiskLow": machine.DISK_FREE,
    "SystemMemoryCritical": machine.MEMORY,
    "SystemMemoryHigh": machine.MEMORY,
}
COMPONENTS = {"api", "cache", "database", "logpipe", "system", "targets"}
YES_OR_NO = {
    "CacheDown",
    "DatabaseDown",
    "LogpipeGaps",
    "LogpipeMetricsStale",
    "LogpipeShipperRefused",
    "LogpipeShipperStalled",
    "ProbeFailed",
    "TargetDown",
}
LESSER = {"ApiErrorRateRaised": NOTICE}
"""The first of two warnings."""


def test_each_alert_with_a_threshold_has_its_panel() -> None:
    """Of the components that these dashboards show."""
    named = {name for name, rule in alerts().items() if rule["labels"]["component"] in COMPONENTS}
    assert named - YES_OR_NO == set(STEPS)


@pytest.mark.parametrize("name", STEPS)
def test_the_steps_of_a_panel_are_those_of_its_alert(name: str) -> None:
    """Above or below the alert's bound stands the colour of its severity."""
    rule = alerts()[name]
    sign, number, factor = re.findall(r"([<>]) ([\d.]+)(?: \* (\d+))?(?=\n|$)", rule["expr"])[-1]
    bound = float(number) * float(factor or 1)
    colour = LESSER.get(name, {"warning": WARNING, "critical": CRITICAL}[rule["labels"]["severity"]])
    assert _colour(STEPS[name], bound * (1.001 if sign == ">" else 0.999)) == colour
    assert _colour(STEPS[name], bound * (0.999 if sign == ">" else 1.001)) != colour


def _colour(steps: Steps, value: float) -> str:
    """As Grafana finds it: of the last step that the value reaches."""
    reached = [step.color for step in steps if step.value is None or value >= step.value]
    return reached[-1]

"""Alertmanager's configuration: taken by amtool, and every alert goes to whom it should."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.deploy.debian import ROOT, run
from tests.deploy.rules import alerts, firing, load

CONFIGURATION = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"

RECEIVERS: Mapping[str, tuple[str, ...]] = {
    "pagerduty,slack-application": (
        "ApiErrorRateCritical",
        "ApiLatencyCritical",
        "LogpipeFindingCritical",
        "SloBurnFast",
    ),
    "slack-application": (
        "ApiErrorRateRaised",
        "ApiErrorRateHigh",
        "ApiLatencyHigh",
        "CeleryFailuresHigh",
        "CeleryBacklogHigh",
        "LogpipeFindingWarning",
        "SloBurnSlow",
    ),
    "pagerduty,slack-data": (
        "DatabaseQueryLatencyCritical",
        "DatabasePoolExhausted",
        "DatabaseReplicationLagCritical",
        "DatabaseDown",
        "CacheHitRateCritical",
        "CacheEvictionsCritical",
        "CacheDown",
    ),
    "slack-data": (
        "DatabaseQueryLatencyHigh",
        "DatabaseErrorRateHigh",
        "DatabaseThroughputHigh",
        "DatabasePoolHigh",
        "DatabaseReplicationLagHigh",
        "DatabaseSlowQueries",
        "CacheHitRateLow",
        "CacheMissRateHigh",
        "CacheEvictionsHigh",
        "CacheMemoryHigh",
        "CacheConnectionsHigh",
    ),
    "pagerduty,slack-operations": (
        "LogpipeIngestStalled",
        "LogpipeMetricsStale",
        "LogpipeShipperStalled",
        "SystemMemoryCritical",
        "SystemDiskLow",
        "TargetDown",
        "ProbeFailed",
    ),
    "email": (
        "LogpipeIngestLag",
        "LogpipeRejects",
        "LogpipeGaps",
        "LogpipeShipperFailing",
        "LogpipeShipperRefused",
        "SystemMemoryHigh",
        "SystemCpuHigh",
        "CertificateExpiresSoon",
    ),
}
"""Who is to hear of each alert."""


def receivers(labels: Mapping[str, str]) -> str:
    """Who hears of an alert with these labels, by Alertmanager's own tool."""
    shown = (f"{name}={value}" for name, value in labels.items())
    return run(
        "amtool", "prometheus-alertmanager", "config", "routes", "test", f"--config.file={CONFIGURATION}", *shown
    ).strip()


@pytest.mark.real
def test_amtool_accepts_the_configuration() -> None:
    """With its templates."""
    said = run("amtool", "prometheus-alertmanager", "check-config", CONFIGURATION)
    assert "3 inhibit rules" in said
    assert "1 templates" in said


@pytest.mark.real
@pytest.mark.parametrize(("name", "expected"), [(name, who) for who, names in RECEIVERS.items() for name in names])
def test_each_alert_goes_to_its_receivers(name: str, expected: str) -> None:
    """With the labels that Prometheus sends."""
    assert receivers(firing()[name]) == expected


def test_the_table_has_every_alert() -> None:
    """Each once."""
    assert sorted(name for names in RECEIVERS.values() for name in names) == sorted(alerts())


@pytest.mark.real
def test_findings_go_where_alerts_of_rules_about_them_go() -> None:
    """As `logpipe ship alertmanager` sends them."""
    labels = {"alertname": "LogpipeErrorSpike", "component": "findings", "service": "web", "incident": "i1"}
    for severity, by_rule in (("critical", "LogpipeFindingCritical"), ("warning", "LogpipeFindingWarning")):
        assert receivers(labels | {"severity": severity}) == receivers(firing()[by_rule])


@pytest.mark.real
def test_an_alert_of_somebody_else_reaches_somebody() -> None:
    """A component that no route names goes to e-mail, and wakes somebody if it is critical."""
    assert receivers({"alertname": "Fire", "component": "kitchen", "severity": "warning"}) == "email"
    assert receivers({"alertname": "Fire", "component": "kitchen", "severity": "critical"}) == "pagerduty,email"


def test_the_document_has_the_same_routes() -> None:
    """The table of docs/alerts.md, by severity and component."""
    text = (ROOT / "docs" / "alerts.md").read_text()
    documented: dict[tuple[str, str], str] = {}
    for components, critical, warning in re.findall(r"^\| (`.*`) \| (.*) \| (.*) \|$", text, re.MULTILINE):
        for component in re.findall(r"`(\w+)`", components):
            documented |= {(component, "critical"): critical, (component, "warning"): warning}
    for who, names in RECEIVERS.items():
        for name in names:
            labels = alerts()[name]["labels"]
            assert documented[labels["component"], labels["severity"]].replace(", ", ",") == who


@pytest.mark.real
def test_what_is_made_to_try_the_rules_is_accepted(tmp_path: Path) -> None:
    """The first commands of that section of docs/alerts.md, run in a copy: nothing in it leads out of the machine."""
    text = (ROOT / "docs" / "alerts.md").read_text()
    block = re.search(r"^## Trying them\n.*?^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert block
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    subprocess.run(["bash", "-euc", block[1]], cwd=tmp_path, check=True)
    made = tmp_path / "try"
    run("amtool", "prometheus-alertmanager", "check-config", made / "alertmanager.yml")
    run("promtool", "prometheus", "check", "config", made / "prometheus.yml")
    compile((made / "receiver.py").read_text(), "receiver.py", "exec")
    configuration = load(made / "alertmanager.yml")
    told = configuration["global"]
    assert (told["smtp_smarthost"], told["smtp_require_tls"]) == ("127.0.0.1:2525", False)
    assert "smtp_auth_username" not in told
    assert told["pagerduty_url"].startswith("http://127.0.0.1:8080/")
    assert (made / told["slack_api_url_file"]).read_text().startswith("http://127.0.0.1:8080/")
    [keys] = [one["pagerduty_configs"] for one in configuration["receivers"] if "pagerduty_configs" in one]
    assert [(made / one["routing_key_file"]).exists() for one in keys] == [True]


def test_no_secret_stands_in_the_configuration() -> None:
    """What is secret comes from files."""
    text = CONFIGURATION.read_text()
    assert not re.search(r"(password|api_url|routing_key|service_key|secret|token):", text)
    assert load(CONFIGURATION)["global"]["smtp_auth_password_file"].startswith("/run/secrets/")

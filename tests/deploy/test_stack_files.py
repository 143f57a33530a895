"""What the containers of the stack are configured by: taken by their own tools where these are at hand."""

import json
import re
import shutil
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from logpipe_shippers import targets
from logpipe_shippers.prometheus import objectives
from tests.deploy.debian import ROOT, run
from tests.deploy.rules import OPTIONAL, RULES, load
from tests.deploy.servers import started, until
from tests.deploy.stack import PROFILES, interpolated, services

DEPLOY = ROOT / "deploy"
PROMETHEUS = DEPLOY / "prometheus" / "prometheus.yml"
EACH_PROFILE = pytest.mark.parametrize("profile", PROFILES)


def jobs() -> dict[str, dict[str, Any]]:
    """What Prometheus scrapes, by name."""
    return {job["job_name"]: job for job in load(PROMETHEUS)["scrape_configs"]}


def targets_of(profile: str) -> dict[str, str]:
    """The addresses that Prometheus scrapes where a profile runs, with their jobs."""
    fixed = {
        target: name
        for name, job in jobs().items()
        for group in job.get("static_configs", [])
        for target in group["targets"]
    }
    groups = load(DEPLOY / "prometheus" / "targets" / profile / "exporters.yml")
    return fixed | {target: group["labels"]["job"] for group in groups for target in group["targets"]}


def mounted(folder: Path, profile: str) -> None:
    """What Prometheus finds beside its configuration."""
    shutil.copy(PROMETHEUS, folder)
    shutil.copytree(DEPLOY / "prometheus" / "rules", folder / "rules")
    shutil.copytree(DEPLOY / "prometheus" / "targets" / profile, folder / "targets")


@pytest.mark.real
@EACH_PROFILE
def test_promtool_accepts_the_configuration(profile: str, tmp_path: Path) -> None:
    """With the targets of each profile, and all rules."""
    mounted(tmp_path, profile)
    said = run("promtool", "prometheus", "check", "config", "--lint-fatal", tmp_path / PROMETHEUS.name)
    assert "exporters.yml" not in said, "a file of targets is not found"


@pytest.mark.real
def test_a_real_prometheus_knows_each_target_by_its_job_and_instance(tmp_path: Path) -> None:
    """With the arguments of the stack; what is probed is known by its own address."""
    mounted(tmp_path, "full")
    arguments = [interpolated(one) for one in services()["prometheus"]["command"]]
    kept = [one for one in arguments if one.startswith(("--storage.tsdb.retention", "--enable-feature", "--web.route"))]
    assert len(kept) == 3
    command = (f"--config.file={PROMETHEUS.name}", "--storage.tsdb.path=data", *kept)
    with started(tmp_path, "prometheus", "prometheus", *command) as url:
        found = until_targets(url, len(targets_of("full")) + 1)
    by_instance = {one["labels"]["instance"]: one for one in found}
    probe = by_instance.pop("http://grafana:3000/api/health")
    asked = "http://blackbox-exporter:9115/probe?module=http&target=http%3A%2F%2Fgrafana%3A3000%2Fapi%2Fhealth"
    assert probe["scrapeUrl"] == asked
    assert {instance: one["labels"]["job"] for instance, one in by_instance.items()} == targets_of("full")


def until_targets(url: str, number: int) -> list[dict[str, Any]]:
    """The targets of a Prometheus, once it has so many."""
    found: list[dict[str, Any]] = []

    def complete() -> bool:
        with urllib.request.urlopen(f"{url}/api/v1/targets?state=active", timeout=10) as answer:
            found[:] = json.load(answer)["data"]["activeTargets"]
        return len(found) >= number

    until(complete, lambda: found)
    return found


def test_prometheus_scrapes_every_quarter_of_a_minute_and_keeps_half_a_month() -> None:
    """By default; and exemplars are stored."""
    assert load(PROMETHEUS)["global"]["scrape_interval"] == "15s"
    command = services()["prometheus"]["command"]
    assert "--storage.tsdb.retention.time=${PROMETHEUS_RETENTION:-15d}" in command
    assert "--enable-feature=exemplar-storage" in command
    assert load(PROMETHEUS)["storage"]["exemplars"]["max_exemplars"] > 0


@EACH_PROFILE
def test_prometheus_scrapes_what_runs(profile: str) -> None:
    """Each container that has metrics; none that is not there, whose alert would never end."""
    names = {target.partition(":")[0] for target in targets_of(profile)}
    assert names == {"localhost" if name == "prometheus" else name for name in services(profile)}


def test_probes_keep_the_address_that_is_asked() -> None:
    """As `instance`, which alerts name; the module is a module of blackbox_exporter."""
    steps = {step.get("target_label"): step for step in jobs()["probes"]["relabel_configs"]}
    assert steps["__param_target"]["source_labels"] == ["__address__"]
    assert steps["instance"]["source_labels"] == ["__param_target"]
    assert steps["__address__"]["replacement"] == "blackbox-exporter:9115"
    modules = load(DEPLOY / "blackbox" / "blackbox.yml")["modules"]
    for group in load(DEPLOY / "prometheus" / "targets" / "full" / "probes.yml"):
        assert group["labels"]["module"] in modules


@pytest.mark.parametrize("name", [name for name in jobs() if name != "probes"])
def test_no_job_changes_its_instances(name: str) -> None:
    """By which alerts are told apart and inhibited."""
    assert "relabel_configs" not in jobs()[name]
    assert "metric_relabel_configs" not in jobs()[name]


def test_prometheus_sends_alerts_to_alertmanager() -> None:
    """At the port where it listens."""
    [manager] = load(PROMETHEUS)["alerting"]["alertmanagers"]
    assert manager["static_configs"] == [{"targets": ["alertmanager:9093"]}]


def test_loki_can_do_what_is_asked_of_it() -> None:
    """Structured metadata by schema 13, retention by the compactor, volumes and patterns for Drilldown."""
    loki = load(DEPLOY / "loki" / "loki.yml")
    [period] = loki["schema_config"]["configs"]
    assert (period["schema"], period["store"], period["index"]["period"]) == ("v13", "tsdb", "24h")
    limits = loki["limits_config"]
    assert limits["allow_structured_metadata"]
    assert limits["volume_enabled"]
    assert loki["pattern_ingester"]["enabled"]
    assert loki["compactor"]["retention_enabled"]
    assert loki["compactor"]["delete_request_store"] == period["object_store"]
    assert limits["retention_period"] == "${LOKI_RETENTION}"
    assert "-config.expand-env=true" in services()["loki"]["command"]
    assert "LOKI_RETENTION" in services()["loki"]["environment"]


def test_loki_takes_what_logpipe_takes_it_to_take() -> None:
    """The limits that `logpipe ship loki` checks before it sends are Loki's defaults, and stay so."""
    changed = set(load(DEPLOY / "loki" / "loki.yml")["limits_config"])
    assert changed == {"retention_period", "allow_structured_metadata", "volume_enabled", "discover_log_levels"}


def test_grafana_finds_its_sources_where_they_run() -> None:
    """Under the names by which dashboards ask for them."""
    sources = load(DEPLOY / "grafana" / "provisioning" / "datasources" / "logpipe.yml")["datasources"]
    assert {one["uid"]: one["type"] for one in sources} == {
        "prometheus": "prometheus",
        "loki": "loki",
        "alertmanager": "alertmanager",
    }
    assert {urllib.parse.urlsplit(one["url"]).hostname for one in sources} <= set(services("core"))
    assert [one["uid"] for one in sources if one.get("isDefault")] == ["prometheus"]


def test_links_of_grafana_lead_from_traces_to_lines() -> None:
    """The pane of the link is JSON, with the trace where Grafana puts it in."""
    sources = load(DEPLOY / "grafana" / "provisioning" / "datasources" / "logpipe.yml")["datasources"]
    by_uid = {one["uid"]: one["jsonData"] for one in sources}
    [exemplar] = by_uid["prometheus"]["exemplarTraceIdDestinations"]
    assert exemplar["url"].startswith("${GF_SERVER_ROOT_URL}/explore?"), "a path alone leads past a Grafana below one"
    assert "GF_SERVER_ROOT_URL" in services()["grafana"]["environment"]
    query = urllib.parse.urlsplit(exemplar["url"].replace("$${__value.raw}", "4bf92f35")).query
    pane = json.loads(urllib.parse.parse_qs(query)["panes"][0])["a"]
    assert pane["datasource"] == "loki"
    [field] = by_uid["loki"]["derivedFields"]
    assert pane["queries"][0]["expr"] == field["url"].replace("$${__value.raw}", "4bf92f35")
    assert re.search(r'trace_id="4bf92f35"', pane["queries"][0]["expr"])


def test_grafana_reads_dashboards_from_where_they_are_mounted() -> None:
    """The folder of the provider is the target of the mount."""
    [provider] = load(DEPLOY / "grafana" / "provisioning" / "dashboards" / "logpipe.yml")["providers"]
    mounted = {mount["target"]: mount["source"] for mount in services()["grafana"]["volumes"]}
    assert mounted[provider["options"]["path"]] == "./deploy/grafana/dashboards"


@pytest.mark.real
def test_blackbox_exporter_accepts_its_modules() -> None:
    """By its own check."""
    path = DEPLOY / "blackbox" / "blackbox.yml"
    run("prometheus-blackbox-exporter", "prometheus-blackbox-exporter", "--config.check", f"--config.file={path}")


SHIPPING = DEPLOY / "logpipe" / "ship.toml"


def test_logpipe_ships_to_loki_and_alertmanager_of_the_stack() -> None:
    """The file is taken as it stands; findings are told by no rule as well."""
    assert [one.name for one in targets.load(SHIPPING)] == ["loki:main", "alertmanager:main"]
    hosts = {
        urllib.parse.urlsplit(url).hostname for url in re.findall(r'^url = "(.*)"', SHIPPING.read_text(), re.MULTILINE)
    }
    assert hosts == {"loki", "alertmanager"} <= set(services("core"))
    assert not [path for path in RULES if path.parent != OPTIONAL and "logpipe_findings" in path.read_text()]


def test_the_examples_of_what_may_be_shipped_are_taken(tmp_path: Path) -> None:
    """All of them together, with the comments' signs taken away and files where they name some."""
    text = re.sub(r"^#(?=\S)", "", SHIPPING.read_text(), flags=re.MULTILINE)
    assert not re.search(r"^#\S", text, re.MULTILINE)
    for name in re.findall(r'_file = "/run/secrets/(\w+)"', text):
        (tmp_path / name).write_text("https://hooks.slack.com/services/T/B/x")
    path = tmp_path / "ship.toml"
    path.write_text(text.replace("/run/secrets", str(tmp_path)))
    names = {one.name for one in targets.load(path)}
    assert names == {"loki:main", "loki:elsewhere", "otlp:main", "alertmanager:main", "notify:team"}
    assert [one.latency_ms for one in objectives.load(path)] == [None, 300]
    named = set(re.findall(r"`(\w+_(?:file|env))`", SHIPPING.read_text()))
    assert named <= set(re.findall(r"^(\w+) =", text, re.MULTILINE))

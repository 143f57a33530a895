"""Alert rules: taken by promtool, each tested firing and not, each with its runbook."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from logpipe.store import Store
from logpipe_shippers.prometheus import exposition
from logpipe_shippers.prometheus.objectives import Objective
from tests.commands import call
from tests.deploy.debian import ROOT, run
from tests.deploy.rules import PROMETHEUS, RULES, TESTS, alerts, checks, load

RUNBOOKS = (ROOT / "docs" / "alerts.md").read_text()
WAITS = {"warning": "5m", "critical": "2m"}
PROGRAMS = {
    *("amtool", "celery", "cp", "curl", "df", "du", "journalctl", "logpipe", "openssl", "pg_isready", "promtool", "ps"),
    *("psql", "redis-cli", "systemctl", "top", "--duration"),
}
EACH_ALERT = pytest.mark.parametrize("name", alerts())


def section(name: str) -> str:
    """The runbook of an alert."""
    found = re.search(rf"^### {name}\n(.*?)(?=^##|\Z)", RUNBOOKS, re.MULTILINE | re.DOTALL)
    assert found, f"docs/alerts.md has no section {name}"
    return found[1]


def commands() -> list[str]:
    """The lines of the runbooks' blocks of code, without what is for trying the rules."""
    text = re.sub(r"^```.*?^```$", "", RUNBOOKS, flags=re.MULTILINE | re.DOTALL)
    return [line.strip() for line in re.findall(r"^ {4,}\S.*", text, re.MULTILINE)]


@pytest.mark.real
def test_promtool_accepts_the_rules() -> None:
    """No rule is misspelt, and none stands twice."""
    assert "SUCCESS" in run("promtool", "prometheus", "check", "rules", "--lint-fatal", *RULES)


@pytest.mark.real
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_the_unit_tests_of_the_rules_pass(path: Path) -> None:
    """Each alert fires when it should, with the labels and texts that it should have."""
    run("promtool", "prometheus", "test", "rules", path)


@pytest.mark.real
def test_an_alert_that_does_not_fire_fails_its_unit_test(tmp_path: Path) -> None:
    """The unit tests would tell."""
    for path in ("rules/targets.yml", "tests/targets.yml", "tests/rules/runbooks.yml"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text((PROMETHEUS / path).read_text().replace("expr: up == 0", "expr: up == 2"))
    with pytest.raises(AssertionError, match="TargetDown fires after its wait"):
        run("promtool", "prometheus", "test", "rules", tmp_path / "tests" / "targets.yml")


def test_each_file_of_rules_has_its_unit_tests() -> None:
    """By the same name."""
    assert [path.name for path in TESTS] == [path.name for path in RULES if path.name != "runbooks.yml"]


@EACH_ALERT
def test_each_alert_has_unit_tests_of_both_kinds(name: str) -> None:
    """It fires, it waits before it does, and it is silent where nothing is wrong."""
    of_alert = [one for one in checks() if one.alert == name]
    fires = {one.test for one in of_alert if one.labels}
    assert fires, "never fires"
    assert [one for one in of_alert if one.test in fires and not one.labels], "never waits"
    assert [one for one in of_alert if one.test not in fires], "is never silent"


@EACH_ALERT
def test_each_alert_waits_by_its_severity(name: str) -> None:
    """Five minutes for a warning, two for what wakes somebody."""
    assert alerts()[name]["for"] == WAITS[alerts()[name]["labels"]["severity"]]


@EACH_ALERT
def test_each_alert_says_what_it_is_about(name: str) -> None:
    """Its labels route and inhibit it, and its texts name the subject."""
    rule = alerts()[name]
    assert set(rule["labels"]) == {"severity", "component", "condition"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert "$labels." in rule["annotations"]["description"]


@EACH_ALERT
def test_each_alert_leads_to_its_runbook(name: str) -> None:
    """The section says what the alert means, what to look at first, and what usually helps."""
    link = alerts()[name]["annotations"]["runbook_url"]
    assert link == '{{ with query "logpipe:runbooks:info" }}{{ . | first | label "base" }}{{ end }}#' + name.lower()
    text = section(name)
    assert "**Means:**" in text
    assert re.search(r"\*\*(Look at first|First):\*\*", text)
    assert re.search(r"\*\*Usually( helps)?:\*\*", text)


@EACH_ALERT
def test_the_table_of_alerts_has_each(name: str) -> None:
    """With its severity and component."""
    labels = alerts()[name]["labels"]
    assert f"| [{name}](#{name.lower()}) | {labels['severity']} | {labels['component']} |" in RUNBOOKS


def test_every_runbook_has_its_alert() -> None:
    """A section of an alert that is gone would mislead."""
    assert set(re.findall(r"^### (\w+)$", RUNBOOKS, re.MULTILINE)) == set(alerts())


def test_links_within_the_runbooks_lead_somewhere() -> None:
    """Each names a heading of the page."""
    anchors = {heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", RUNBOOKS, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", RUNBOOKS)) <= anchors


def exported(shop: Path) -> dict[str, set[frozenset[str]]]:
    """The names of logpipe's own metrics, each with the names of its labels where it has values."""
    objectives = [Objective("web", latency_ms=300, share=0.99)]
    with Store.open(shop, read_only=True) as store:
        families = list(text_string_to_metric_families(exposition(store, objectives=objectives).decode()))
    names = {family.name + suffix for family in families for suffix in ("", "_total", "_bucket", "_count")}
    labels: dict[str, set[frozenset[str]]] = {name: set() for name in names}
    for sample in (sample for family in families for sample in family.samples):
        labels.setdefault(sample.name, set()).add(frozenset(sample.labels))
    return labels


def test_rules_and_runbooks_ask_for_metrics_that_logpipe_exports(shop: Path) -> None:
    """A metric that is renamed would leave its alert silent for ever."""
    asked = [rule["expr"] for path in RULES for group in load(path)["groups"] for rule in group["rules"]]
    asked += [line for line in commands() if line.split()[0] not in PROGRAMS]
    names = set(re.findall(r"(?<![\w:])logpipe_\w+(?!:)\b", "\n".join(asked)))
    assert len(names) > 8
    assert names <= set(exported(shop))


def test_unit_tests_have_the_labels_that_logpipe_exports(shop: Path) -> None:
    """A label that is renamed would be gone from its alert."""
    known = exported(shop)
    seen = 0
    for series in (entry["series"] for path in TESTS for test in load(path)["tests"] for entry in test["input_series"]):
        name, labels = series.partition("{")[::2]
        if known.get(name):
            seen += 1
            assert frozenset(re.findall(r"(\w+)=", labels)) - {"instance"} in known[name], series
    assert seen > 20


def test_the_address_of_the_runbooks_stands_in_one_place() -> None:
    """Who moves them changes one line."""
    with_address = [path for path in RULES if "alerts.md" in path.read_text()]
    assert [path.name for path in with_address] == ["runbooks.yml"]
    assert load(with_address[0])["groups"][0]["rules"][0]["labels"]["base"].endswith("/docs/alerts.md")


def test_the_commands_of_the_runbooks_run(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each `logpipe` line, on a store with a service of that name, ends with success."""
    monkeypatch.setenv("LOGPIPE_DB", str(shop))
    ours = [line for line in commands() if line.startswith("logpipe ")]
    ours += re.findall(r"`(logpipe [^`]*SERVICE[^`]*)`", RUNBOOKS)
    assert len(ours) > 20
    for line in set(ours):
        done = call(*shlex.split(line.replace("SERVICE", "web"))[1:])
        assert done.returncode == 0, f"{line}: {done.stderr}"


@pytest.mark.real
def test_the_queries_of_the_runbooks_are_promql(tmp_path: Path) -> None:
    """Each line that is no command is taken by promtool as the expression of a rule."""
    lines = [line for line in commands() if line.split()[0] not in PROGRAMS]
    assert len(lines) > 20
    rules: list[dict[str, Any]] = [{"record": f"runbook:line:{n}", "expr": line} for n, line in enumerate(lines)]
    path = tmp_path / "runbooks.json"
    path.write_text(json.dumps({"groups": [{"name": "runbooks", "rules": rules}]}))
    run("promtool", "prometheus", "check", "rules", path)

"""The rules in a real Prometheus."""

import http.server
import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.rules import PROMETHEUS, TESTS, load
from tests.deploy.servers import answering, reserved_port, started, until

pytestmark = pytest.mark.real


def test_rules_are_evaluated_and_alerts_lead_to_their_runbooks(tmp_path: Path) -> None:
    """No rule fails on what exporters give, and the link of an alert is the whole address of its section."""
    (tmp_path / "metrics").write_text("".join(f"{series} 1\n" for series in sorted(every_series())))
    with (
        reserved_port() as closed,
        served(tmp_path) as exporters,
        started(tmp_path, "prometheus", "prometheus", *configured(tmp_path, exporters, closed)) as url,
    ):
        until(lambda: bool(ask(url, "query?query=probe_success")["result"]), (tmp_path / "log").read_text)
        until(lambda: bool(alerts_of(url, closed)), (tmp_path / "log").read_text)
        scraped = datetime.now(UTC)
        until(lambda: all(evaluated(rule) > scraped for rule in rules(url)), lambda: rules(url))
        assert [rule for rule in rules(url) if rule["health"] != "ok"] == []
        alerts = alerts_of(url, closed)
    base = load(PROMETHEUS / "rules" / "runbooks.yml")["groups"][0]["rules"][0]["labels"]["base"]
    assert set(alerts) == {"TargetDown"}
    assert alerts["TargetDown"]["annotations"]["runbook_url"] == f"{base}#targetdown"


def every_series() -> set[str]:
    """The series of all unit tests, as an exporter would write them."""
    return {entry["series"] for path in TESTS for test in load(path)["tests"] for entry in test["input_series"]}


def configured(folder: Path, exporters: str, closed: int) -> tuple[str, ...]:
    """The arguments of a Prometheus with the rules, which scrapes one target that answers and one that does not."""
    configuration = {
        "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "200ms"},
        "rule_files": [str(PROMETHEUS / "rules" / "*.yml")],
        "scrape_configs": [
            {"job_name": "exporters", "honor_labels": True, "static_configs": [{"targets": [exporters]}]},
            {"job_name": "dead", "static_configs": [{"targets": [f"127.0.0.1:{closed}"]}]},
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    return "--config.file=prometheus.yml", "--storage.tsdb.path=data"


def ask(url: str, question: str) -> Any:
    """What the API answers."""
    with urllib.request.urlopen(f"{url}/api/v1/{question}", timeout=10) as answer:
        return json.load(answer)["data"]


def rules(url: str) -> list[dict[str, Any]]:
    """All rules and how they fare."""
    return [rule for group in ask(url, "rules")["groups"] for rule in group["rules"]]


def alerts_of(url: str, port: int) -> dict[str, Any]:
    """Those of one target, by name."""
    instance = f"127.0.0.1:{port}"
    alerts = ask(url, "alerts")["alerts"]
    return {one["labels"]["alertname"]: one for one in alerts if one["labels"].get("instance") == instance}


def evaluated(rule: dict[str, Any]) -> datetime:
    """When a rule was last evaluated."""
    return datetime.fromisoformat(rule["lastEvaluation"])


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A web server for the files of a folder."""
    with answering(partial(Quiet, directory=str(folder))) as address:
        yield address


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Tells nothing of what it serves."""

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name it overrides
        """Stay quiet."""

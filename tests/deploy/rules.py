"""The alert rules and their unit tests, as they stand in deploy/prometheus."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.debian import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
OPTIONAL = PROMETHEUS / "optional"
"""Rules that the stack does not load."""
RULES = sorted([*(PROMETHEUS / "rules").glob("*.yml"), *OPTIONAL.glob("*.yml")], key=lambda path: path.name)
TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))


@dataclass(frozen=True)
class Check:
    """One question of a unit test: which alerts of a name there are at a time."""

    test: str
    alert: str
    at: str
    labels: tuple[dict[str, str], ...]
    """Of each alert that fires then; none where nothing may."""


def load(path: Path) -> Any:
    """A YAML file."""
    return yaml.safe_load(path.read_text())


@cache
def alerts() -> dict[str, dict[str, Any]]:
    """The rule of each alert by its name, which none has twice."""
    found = [rule for path in RULES for group in load(path)["groups"] for rule in group["rules"] if "alert" in rule]
    assert len({rule["alert"] for rule in found}) == len(found)
    return {rule["alert"]: rule for rule in found}


@cache
def checks() -> tuple[Check, ...]:
    """All questions of the unit tests."""
    return tuple(
        Check(
            test["name"],
            asked["alertname"],
            asked["eval_time"],
            tuple(expected["exp_labels"] for expected in asked["exp_alerts"]),
        )
        for path in TESTS
        for test in load(path)["tests"]
        for asked in test["alert_rule_test"]
    )


def firing() -> dict[str, dict[str, str]]:
    """The labels with which Prometheus sends each alert, of a unit test in which it fires."""
    return {one.alert: one.labels[0] | {"alertname": one.alert} for one in checks() if one.labels}

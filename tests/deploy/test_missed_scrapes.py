"""Scrapes that fail: no alert is taken back for one or two of them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.debian import run
from tests.deploy.rules import TESTS, alerts, load

INTERVAL_S = 15
ABSENT = ("stale", "_")
"""What Prometheus has of a target while two scrapes fail."""
AFTER = 4
"""Intervals after them in which the alert still has to be there."""


def samples(values: str) -> Iterator[str]:
    """The samples that promtool makes of its notation."""
    for item in values.split():
        matched = re.fullmatch(r"(_|stale|-?[\d.]+)(?:([+-][\d.]+))?(?:x(\d+))?", item)
        assert matched is not None, item
        first, step, times = matched.groups()
        if first in ABSENT:
            yield from [first] * int(times or 1)
        else:
            yield from (f"{float(first) + n * float(step or 0):.12g}" for n in range(int(times or 0) + 1))


def interrupted(values: str, at: int) -> str:
    """The same with two samples that are missing after the one at `at`, and going on after them."""
    given = list(samples(values))
    while len(given) <= at + len(ABSENT) + AFTER:
        before, last = (float(one) for one in (given * 2)[-2:])
        given.append(f"{2 * last - before:.12g}")
    given[at + 1 : at + 1 + len(ABSENT)] = ABSENT
    return " ".join(given)


def seconds(length: str) -> int:
    """Of `1h2m15s`."""
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([hms])", length))


def texts(path: Path) -> Any:
    """A file with all values as they are written: promtool takes `0x80` for zeros, and YAML for a number."""
    return yaml.load(path.read_text(), yaml.BaseLoader)


def first_firing(tests: list[dict[str, Any]], name: str) -> tuple[dict[str, Any], int]:
    """The first unit test in which an alert fires, and when it first does."""
    for test in tests:
        for asked in test["alert_rule_test"]:
            if asked["alertname"] == name and asked["exp_alerts"]:
                assert test["interval"] == f"{INTERVAL_S}s"
                return test, seconds(asked["eval_time"]) // INTERVAL_S
    raise AssertionError(f"{name} never fires")


def with_missed_scrapes(tests: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """A unit test: the alert fires, two scrapes fail, and it fires all the time."""
    test, at = first_firing(tests, name)
    return {
        "name": name,
        "interval": test["interval"],
        "input_series": [one | {"values": interrupted(one["values"], at)} for one in test["input_series"]],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}}) > bool 0',
                "eval_time": f"{(at + n) * INTERVAL_S}s",
                "exp_samples": [{"labels": "{}", "value": 1}],
            }
            for n in range(len(ABSENT) + AFTER + 1)
        ],
    }


@pytest.mark.real
def test_no_alert_ends_for_two_scrapes_that_fail(tmp_path: Path) -> None:
    """Nor is it sent again when the third one works: each goes on as if nothing had been."""
    for path in TESTS:
        given = texts(path)
        files = [str(path.parent / name) for name in given["rule_files"]]
        names = [
            rule["alert"] for group in load(Path(files[0]))["groups"] for rule in group["rules"] if "alert" in rule
        ]
        tests = [with_missed_scrapes(given["tests"], name) for name in names]
        (tmp_path / path.name).write_text(json.dumps(given | {"rule_files": files, "tests": tests}))
    run("promtool", "prometheus", "test", "rules", *(tmp_path / path.name for path in TESTS))


@pytest.mark.parametrize("name", alerts())
def test_no_alert_lasts_long_after_its_end(name: str) -> None:
    """A minute, which is two scrapes and a little; a finding five, in which logpipe may be started anew."""
    assert alerts()[name]["keep_firing_for"] == ("5m" if name.startswith("LogpipeFinding") else "1m")

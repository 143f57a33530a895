"""What expressions of the dashboards say in moments that a run of the pipeline does not meet, judged by promtool."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana.build.board import DEPLOYMENTS
from tests.deploy.dashboards import queries
from tests.deploy.debian import run

pytestmark = pytest.mark.real
DEPLOYED = {'logpipe_business_events_total{event="deployment", service="web"}': "_x40 1x20 stale _x40 1x40 2x20"}
"""The first deployment after ten minutes; from 15:15 on scrapes fail, for ten minutes; the second after 35:45."""
QUIET = {'logpipe_business_events_total{event="payment", service="web"}': "7x40"}
NO_PROBES = {"up": "1x40"}
READ, UNREAD = {"logpipe_up": "1x40"}, {"logpipe_up": "0x40"}


def test_a_deployment_is_marked_once(tmp_path: Path) -> None:
    """The first of a service too; not the one that is seen again after scrapes that failed."""
    marked = {"9m": None, "10m": 1, "13m": None, "20m": None, "25m45s": None, "30m": None, "36m": 1}
    judge(tmp_path, f"count({put_in(DEPLOYMENTS.expression)})", DEPLOYED, marked)


@pytest.mark.parametrize(
    ("uid", "title", "series", "value"),
    [
        ("logpipe-business", "Events that fail", QUIET, None),
        ("logpipe-errors", "Critical findings", READ, 0),
        ("logpipe-errors", "Critical findings", UNREAD, None),
        ("logpipe-errors", "Errors a minute", READ, 0),
        ("logpipe-errors", "Errors a minute", NO_PROBES, None),
        ("logpipe-system", "Probes that fail", NO_PROBES, None),
        ("logpipe-system", "Targets down", NO_PROBES, 0),
    ],
)
def test_a_figure_is_0_only_where_that_is_known(
    tmp_path: Path, uid: str, title: str, series: dict[str, str], value: int | None
) -> None:
    """There is no share of nothing, and who does not answer has not said that all is well."""
    [expression] = [asked.expression for asked in queries(uid) if asked.title == title]
    judge(tmp_path, put_in(expression), series, {"9m": value})


def put_in(expression: str) -> str:
    return expression.replace("$service", "..*").replace("$__rate_interval", "1m")


def judge(folder: Path, expression: str, series: dict[str, str], expected: dict[str, int | None]) -> None:
    """The value at each time, or that there is none."""
    asked: list[dict[str, Any]] = [
        {
            "expr": expression,
            "eval_time": at,
            "exp_samples": [] if value is None else [{"labels": "{}", "value": value}],
        }
        for at, value in expected.items()
    ]
    shown = [{"series": name, "values": values} for name, values in series.items()]
    path = folder / "expressions.yml"
    tests = [{"interval": "15s", "input_series": shown, "promql_expr_test": asked}]
    path.write_text(yaml.safe_dump({"evaluation_interval": "15s", "tests": tests}))
    run("promtool", "prometheus", "test", "rules", path)

"""Each query of each dashboard has an answer, from a real Prometheus that a run of the pipeline has filled."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.dashboards import UIDS, Asked, explored, queries, variables
from tests.deploy.filled import Filled, filled
from tests.deploy.logql import found
from tests.deploy.watched import watching

pytestmark = pytest.mark.real
ALL = "..*"
ROW = {"Service": "shop-web", "Route": "/checkout", "Event": "payment_failed"}
"""What is clicked, by the heading of its column."""
OR_NOTHING = re.compile(r"\s+or (?:vector\(0\)|0 \* (?:max|count)\([\w =]+\))")
NOTHING = {
    "Bookings a minute",
    "Registrations a minute",
    "Reviews a minute",
    "Critical findings",
    "Targets down",
    "Probes that fail",
}
"""Panels in which nothing of the kind is counted here; all others that say 0 for nothing have more to say."""


def test_each_query_returns_data(tmp_path: Path) -> None:
    """With all values of the variables, and with those chosen that there are."""
    with watching(tmp_path) as watched, filled(tmp_path, watched.targets, watched.work) as there:
        unanswered = [str(asked) for uid in UIDS for asked in _unanswered(there, uid)]
    assert not unanswered, "\n\n".join(unanswered)


def _unanswered(there: Filled, uid: str) -> Iterator[Asked]:
    """The queries of a dashboard without an answer, and its variables without a value."""
    chosen = {name: _values(there, asked) for name, asked in variables(uid).items()}
    yield from (asked for name, asked in variables(uid).items() if not chosen[name])
    named = {name: f"({'|'.join(values)})" for name, values in chosen.items()}
    for asked in [*queries(uid), *explored(uid)]:
        for values in (dict.fromkeys(chosen, ALL), named):
            if not _answers(there, asked, asked.put_in(ROW | values)):
                yield asked
                break


def _values(there: Filled, asked: Asked) -> list[str]:
    """As Grafana asks for the values of a label."""
    found: list[str] = there.ask(f"label/{asked.label}/values", **{"match[]": asked.expression})
    return found


def _answers(there: Filled, asked: Asked, expression: str) -> int:
    if asked.title not in NOTHING:
        expression = OR_NOTHING.sub("", expression)
    return found(there.loki, expression) if asked.source == "loki" else len(there.values(expression))

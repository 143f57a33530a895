"""The dashboards: what is checked in is what the code makes, and Grafana can show it."""

import json
import re
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest

from deploy.grafana.build.boards import BOARDS
from deploy.grafana.build.files import write
from tests.deploy.dashboards import FILES, UIDS, dashboard, panels, queries, variables
from tests.deploy.debian import ROOT
from tests.deploy.exported import EXPORTED
from tests.deploy.rules import load

SOURCES = {
    one["uid"]: one["type"] for one in load(ROOT / "deploy/grafana/provisioning/datasources/logpipe.yml")["datasources"]
}
EACH = pytest.mark.parametrize("uid", UIDS)


def shown(uid: str) -> list[dict[str, Any]]:
    """Panels without the headings of rows."""
    return [panel for panel in panels(uid) if panel["type"] != "row"]


def test_the_files_are_what_the_code_makes(tmp_path: Path) -> None:
    """Each of them, and no other."""
    write(BOARDS, tmp_path)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    differing = [name for name, text in made.items() if not (FILES[0].parent / name).is_file()]
    differing += [path.name for path in FILES if made.get(path.name) != path.read_text()]
    assert not differing, f"{differing} differ: run make dashboards, or python -m deploy.grafana.build"


def test_files_of_boards_that_are_no_more_go(tmp_path: Path) -> None:
    """What is written is all that there is."""
    (tmp_path / "old.json").write_text("{}")
    write(BOARDS[:1], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"{BOARDS[0].uid}.json"]


@EACH
def test_each_panel_says_what_it_shows_and_what_to_do(uid: str) -> None:
    """A title of its own, a unit, a description of a sentence or more."""
    titles = [panel["title"] for panel in shown(uid)]
    assert sorted(titles) == sorted(set(titles))
    for panel in shown(uid):
        assert panel["title"]
        assert len(panel["description"]) > 40, panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["type"] == "logs" or panel["fieldConfig"]["defaults"]["unit"], panel["title"]


@EACH
def test_each_query_names_a_data_source_that_is_provided(uid: str) -> None:
    """By its uid, and the panel the same."""
    asked = [*(target for panel in shown(uid) for target in panel["targets"]), *shown(uid)]
    asked += [*dashboard(uid)["templating"]["list"], *dashboard(uid)["annotations"]["list"]]
    assert all(shown(uid))
    for one in asked:
        assert SOURCES[one["datasource"]["uid"]] == one["datasource"]["type"]
    for panel in shown(uid):
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {panel["datasource"]["uid"]}
        refs = [target["refId"] for target in panel["targets"]]
        assert sorted(refs) == sorted(set(refs))


@EACH
def test_panels_have_numbers_of_their_own_and_do_not_overlap(uid: str) -> None:
    """Side by side they fill the width of Grafana's grid, which is 24."""
    numbers = [panel["id"] for panel in panels(uid)]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    places = [(panel["title"], *(panel["gridPos"][key] for key in "xywh")) for panel in panels(uid)]
    for (one, x, y, width, height), (other, x2, y2, width2, height2) in combinations(places, 2):
        beside = x + width <= x2 or x2 + width2 <= x or y + height <= y2 or y2 + height2 <= y
        assert beside, f"{one} and {other} overlap"
    for line in {place[2] for place in places}:
        assert sum(place[3] for place in places if place[2] == line) == 24


@EACH
def test_each_metric_is_exported(uid: str) -> None:
    """By logpipe, by an exporter of the stack, or by a rule."""
    for asked in [*queries(uid), *variables(uid).values()]:
        if asked.source == "prometheus":
            assert asked.metrics, asked
            assert asked.metrics <= EXPORTED, f"{asked}: {asked.metrics - EXPORTED}"


@EACH
def test_what_nobody_tells_of_does_not_pass_for_nothing(uid: str) -> None:
    """A 0 for what has no series needs somebody who would tell; of alerts and targets Prometheus itself does."""
    for asked in queries(uid):
        if asked.expression.endswith("or vector(0)"):
            assert asked.metrics <= {"ALERTS", "up"}, asked


@EACH
def test_each_variable_is_used_and_each_that_is_used_is_there(uid: str) -> None:
    """Grafana's own begin with two underscores."""
    shown = json.dumps([dashboard(uid)["panels"], dashboard(uid)["annotations"]])
    assert set(re.findall(r"\$\{?([a-z]\w*)", shown)) == set(variables(uid))


@EACH
def test_links_lead_to_dashboards_that_are_there(uid: str) -> None:
    """And carry over variables that these have."""
    for other, query in re.findall(r'"/d/([\w-]+)\?([^"]*)', (FILES[0].parent / f"{uid}.json").read_text()):
        assert other in UIDS
        assert set(re.findall(r"var-(\w+)=", query)) <= set(variables(other))


@EACH
def test_grafana_of_the_stack_reads_this_schema(uid: str) -> None:
    """Version 42 of the schema is Grafana 13's; the link to the others goes by the tag that all have."""
    made = dashboard(uid)
    assert (made["schemaVersion"], made["uid"]) == (42, uid)
    [others] = made["links"]
    assert (others["type"], others["keepTime"]) == ("dashboards", True)
    assert set(others["tags"]) <= set(made["tags"])


@EACH
def test_rows_stand_one_below_another(uid: str) -> None:
    """A heading before each group of panels, the first on top."""
    rows = [panel for panel in panels(uid) if panel["type"] == "row"]
    assert rows[0]["gridPos"]["y"] == 0
    assert all(before["gridPos"]["y"] < after["gridPos"]["y"] for before, after in pairwise(rows))


@EACH
def test_each_dashboard_stands_in_the_documentation(uid: str) -> None:
    """With what it answers, and when to begin there."""
    page = (ROOT / "docs" / "stack.md").read_text()
    assert re.search(rf"^\| {re.escape(dashboard(uid)['title'])} \| [^|]+ \| [^|]+ \|$", page, re.MULTILINE)
